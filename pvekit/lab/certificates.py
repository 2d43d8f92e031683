"""The keys and certificates that a PVE cluster makes for itself."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
    from cryptography.x509 import Certificate, CertificateBuilder, Name

_YEARS = 10
_DAYS = 730


@cache
def _key(owner: str) -> RSAPrivateKey:
    """Return the key of an owner: one per process, since making them takes long."""
    from cryptography.hazmat.primitives.asymmetric import rsa

    del owner
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def private(owner: str) -> bytes:
    """Return an owner's private key as PEM."""
    from cryptography.hazmat.primitives import serialization as form

    return _key(owner).private_bytes(
        form.Encoding.PEM, form.PrivateFormat.PKCS8, form.NoEncryption()
    )


def public(owner: str) -> bytes:
    """Return an owner's public key as PEM."""
    from cryptography.hazmat.primitives import serialization as form

    return (
        _key(owner)
        .public_key()
        .public_bytes(form.Encoding.PEM, form.PublicFormat.SubjectPublicKeyInfo)
    )


def root(cluster: str) -> bytes:
    """Return the certificate of a PVE cluster's own authority as PEM."""
    return _pem(_root(cluster))


@cache
def _root(cluster: str) -> Certificate:
    from cryptography import x509

    name = _name("Proxmox Virtual Environment", cluster, "PVE Cluster Manager CA")
    constraints = x509.BasicConstraints(ca=True, path_length=None)
    builder = _builder(f"ca {cluster}", name, name, _YEARS * 365)
    return _signed(builder.add_extension(constraints, critical=True), cluster)


def node(cluster: str, name: str, domain: str, address: str) -> bytes:
    """Return the certificate of a node's interface, signed by the cluster's authority, as PEM."""
    import ipaddress

    from cryptography import x509

    host = f"{name}.{domain}"
    subject = _name("Proxmox Virtual Environment", "PVE Cluster Node", host)
    names = [
        x509.IPAddress(ipaddress.ip_address("127.0.0.1")),
        x509.DNSName("localhost"),
        x509.IPAddress(ipaddress.ip_address(address)),
        x509.DNSName(name),
        x509.DNSName(host),
    ]
    builder = _builder(f"node {name}", subject, _root(cluster).subject, _DAYS)
    builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    return _pem(_signed(builder, cluster))


def _name(organization: str, unit: str, common: str) -> Name:
    from cryptography import x509
    from cryptography.x509.oid import NameOID

    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, unit or "standalone"),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, organization),
            x509.NameAttribute(NameOID.COMMON_NAME, common),
        ]
    )


def _builder(owner: str, subject: Name, issuer: Name, days: int) -> CertificateBuilder:
    from cryptography import x509

    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(_key(owner).public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=days))
    )


def _signed(builder: CertificateBuilder, cluster: str) -> Certificate:
    from cryptography.hazmat.primitives import hashes

    return builder.sign(_key(f"ca {cluster}"), hashes.SHA256())


def _pem(certificate: Certificate) -> bytes:
    from cryptography.hazmat.primitives import serialization as form

    return certificate.public_bytes(form.Encoding.PEM)
