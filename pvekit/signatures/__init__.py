"""Signatures of checksum files: whose key counts, and the check by ``gpgv``."""
