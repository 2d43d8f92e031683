"""``sudo`` and ``visudo``: programs as another user, by rules."""

from __future__ import annotations

import re
from collections.abc import Iterator

from pvekit.lab.credentials import ACTING, ROOT
from pvekit.lab.files import FileSystem
from pvekit.lab.layout import PATH
from pvekit.lab.process import NotSimulated, Process, Program
from pvekit.lab.programs.failures import fail
from pvekit.lab.programs.options import options
from pvekit.lab.streams import absolute


async def sudo(process: Process) -> int:
    """Run a program as another user: every user may, but for one whom a rule limits."""
    given = options(process.argv[1:], "n H E S i", "u g", permute=False)
    user = given.value("u") or "root"
    if process.machine.account(user) is None:
        await process.complain(
            f"sudo: unknown user {user}\nsudo: error initializing audit plugin\n"
        )
        return 1
    words = list(given.operands)
    if not _may(process, words):
        return await fail(process, "a password is required")
    variables = process.machine.environment(user) | {"SUDO_USER": process.user}
    while words and re.match(r"[A-Za-z_]\w*=", words[0]):
        name, _, value = words.pop(0).partition("=")
        variables[name] = value
    if not words:
        raise NotSimulated("without a command")
    if process.machine.locate(words[0], PATH, process.cwd) is None:
        return await fail(process, f"{words[0]}: command not found")
    kept = process.env if given.has("E") else {}
    return await process.machine.spawn(process, words, user=user, env=variables | kept)


def _rules(files: FileSystem) -> Iterator[str]:
    folder = "/etc/sudoers.d"
    for name in files.names(folder) if files.is_dir(folder) else ():
        yield from files.read(f"{folder}/{name}").decode().splitlines()


def _may(process: Process, words: list[str]) -> bool:
    """Whether the rules in /etc/sudoers.d let the user run this; without one for him, they do."""
    acting = ACTING.set(ROOT)  # sudo reads its rules as root
    try:
        lines = list(_rules(process.machine.files))
    finally:
        ACTING.reset(acting)
    form = rf"{re.escape(process.user)} ALL=\(root\) NOPASSWD: (/\S+)"
    allowed = [found[1] for line in lines if (found := re.fullmatch(form, line))]
    return not allowed or (bool(words) and words[0] in allowed)


async def visudo(process: Process) -> int:
    """Check a file of rules, as far as the lab knows their form."""
    given = options(process.argv[1:], "c check s strict q quiet", "f file", least=0)
    path = given.value("f", "file") or "/etc/sudoers"
    text = process.machine.files.read(absolute(process, path)).decode()
    for number, line in enumerate(text.splitlines(), 1):
        rule = r"(#.*|Defaults\S* .*|[a-z_%]\S* ALL=\(\S+\) (NOPASSWD: )?(ALL|/.*)|)"
        if not re.fullmatch(rule, line):
            await process.complain(f"{path}:{number}:1: syntax error\n{line}\n")
            return 1
    await process.say(f"{path}: parsed OK\n")
    return 0


SUDO: dict[str, Program] = {"sudo": sudo, "visudo": visudo}
