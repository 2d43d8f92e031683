"""The keys and certificates that a PVE cluster makes for itself.

They are of elliptic curves, which take no time; the real ones are RSA.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
    from cryptography.x509 import Certificate, CertificateBuilder, Name

    from pvekit.lab.membership import Member

_YEARS = 10
_DAYS = 730
_AUTHORITY = "authority"


@dataclass
class Certificates:
    """All keys and certificates of one PVE cluster, made when they are first asked for."""

    cluster: str
    domain: str
    _keys: dict[str, EllipticCurvePrivateKey] = field(default_factory=dict)

    def _key(self, owner: str) -> EllipticCurvePrivateKey:
        from cryptography.hazmat.primitives.asymmetric import ec

        if owner not in self._keys:
            self._keys[owner] = ec.generate_private_key(ec.SECP256R1())
        return self._keys[owner]

    def private(self, owner: str = _AUTHORITY) -> bytes:
        """Return an owner's private key as PEM."""
        from cryptography.hazmat.primitives import serialization as form

        return self._key(owner).private_bytes(
            form.Encoding.PEM, form.PrivateFormat.PKCS8, form.NoEncryption()
        )

    def public(self, owner: str) -> bytes:
        """Return an owner's public key as PEM."""
        from cryptography.hazmat.primitives import serialization as form

        public = self._key(owner).public_key()
        return public.public_bytes(form.Encoding.PEM, form.PublicFormat.SubjectPublicKeyInfo)

    def root(self) -> bytes:
        """Return the certificate of the cluster's own authority as PEM."""
        return _pem(self._root)

    @cached_property
    def _root(self) -> Certificate:
        from cryptography import x509

        name = _name("Proxmox Virtual Environment", self.cluster, "PVE Cluster Manager CA")
        constraints = x509.BasicConstraints(ca=True, path_length=None)
        builder = self._builder(_AUTHORITY, name, name, _YEARS * 365)
        return self._signed(builder.add_extension(constraints, critical=True))

    def of_node(self, member: Member) -> bytes:
        """Return the certificate of a node's interface, signed by the authority, as PEM."""
        import ipaddress

        from cryptography import x509

        host = f"{member.name}.{self.domain}"
        subject = _name("Proxmox Virtual Environment", "PVE Cluster Node", host)
        names = [
            x509.IPAddress(ipaddress.ip_address("127.0.0.1")),
            x509.DNSName("localhost"),
            x509.IPAddress(ipaddress.ip_address(member.address)),
            x509.DNSName(member.name),
            x509.DNSName(host),
        ]
        builder = self._builder(member.name, subject, self._root.subject, _DAYS)
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        return _pem(self._signed(builder))

    def _builder(self, owner: str, subject: Name, issuer: Name, days: int) -> CertificateBuilder:
        from cryptography import x509

        now = datetime.now(UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer)
            .public_key(self._key(owner).public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=days))
        )

    def _signed(self, builder: CertificateBuilder) -> Certificate:
        from cryptography.hazmat.primitives import hashes

        return builder.sign(self._key(_AUTHORITY), hashes.SHA256())


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


def _pem(certificate: Certificate) -> bytes:
    from cryptography.hazmat.primitives import serialization as form

    return certificate.public_bytes(form.Encoding.PEM)
