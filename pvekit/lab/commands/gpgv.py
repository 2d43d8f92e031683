"""``gpgv`` on a node: it knows the signatures of the lab's own signers."""

from __future__ import annotations

from pvekit.lab.guests.signing import IMAGES, STRANGER, Signer
from pvekit.lab.process import NotSimulated, Process
from pvekit.lab.programs.inputs import content
from pvekit.lab.programs.options import options


async def gpgv(process: Process) -> int:
    """Verify a detached signature, and say on stdout how it went."""
    given = options(process.argv[1:], "", "homedir status-fd weak-digest keyring", least=2)
    if given.value("status-fd") != "1" or len(given.operands) != 2:
        raise NotSimulated("without --status-fd 1, a signature and a file")
    keyring = await content(process, given.value("keyring") or "")
    signature, data = [await content(process, name) for name in given.operands]
    if signature[:1] != b"\xc2":
        return await _say(process, 2, "NODATA 1", "NODATA 2")
    for signer in (IMAGES, STRANGER):
        if signer.fingerprint in signature:
            return await _judge(process, signer, keyring, signature, data)
    raise NotSimulated("a signature of none of the lab's signers")


async def _judge(
    process: Process, signer: Signer, keyring: bytes, signature: bytes, data: bytes
) -> int:
    name, short = signer.fingerprint.hex().upper(), signer.fingerprint[-8:].hex().upper()
    if signer.public_key() not in keyring:
        error = f"ERRSIG {short} 22 8 00 1704153600 9 {name}"
        return await _say(process, 2, "NEWSIG", error, f"NO_PUBKEY {short}")
    if signature != signer.sign(data):
        return await _say(process, 1, "NEWSIG", f"BADSIG {short} {signer.user}")
    valid = f"VALIDSIG {name} 2024-01-02 1704153600 0 4 0 22 8 00 {name}"
    return await _say(process, 0, "NEWSIG", f"GOODSIG {short} {signer.user}", valid)


async def _say(process: Process, status: int, *lines: str) -> int:
    await process.say("".join(f"[GNUPG:] {line}\n" for line in lines))
    return status
