"""wget and curl: they fetch from the lab's internet."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from urllib.parse import urlsplit

from pvekit.lab.figures import Figures
from pvekit.lab.guests.disk import IMAGE_MAGIC
from pvekit.lab.guests.images import HttpError, Internet, Redirect, ResolveError
from pvekit.lab.guests.words import Words, grammar, split
from pvekit.lab.process import NotSimulated, Process, Program
from pvekit.lab.streams import absolute, descriptor_of, write_file

_WGET = grammar(
    "-q=quiet --quiet=quiet -O=output= --output-document=output= -nv=brief --no-verbose=brief"
    " --show-progress=progress --progress=style= --timeout=timeout= -T=timeout="
    " --connect-timeout=timeout= --read-timeout=timeout= --dns-timeout=timeout= --tries=tries="
    " -t=tries= --waitretry=wait= --retry-connrefused=retry -c=resume --continue=resume"
    " --spider=spider -S=headers --server-response=headers --https-only=https"
    " --max-redirect=redirects= -P=directory= --directory-prefix=directory="
)
_CURL = grammar(
    "-f=fail --fail=fail -s=silent --silent=silent -S=errors --show-error=errors -L=follow"
    " --location=follow -o=output= --output=output= -O=remote --remote-name=remote"
    " --retry=retry= --retry-delay=delay= --retry-max-time=delay= --retry-connrefused=again"
    " --retry-all-errors=again --connect-timeout=timeout= -m=timeout= --max-time=timeout="
    " -C=resume= --continue-at=resume= --proto=proto= --proto-redir=proto-redir= --tlsv1.2=tls"
    " --create-dirs=parents -#=bar --progress-bar=bar -y=slow= --speed-time=slow= -Y=slow="
    " --speed-limit=slow= --remove-on-error=remove --no-progress-meter=quiet"
    " -I=head --head=head"
)
_BROKEN = "Remote file does not exist -- broken link!!!"


@dataclass(frozen=True)
class _Client:
    """A machine's way to the internet."""

    internet: Internet
    online: Callable[[], bool]

    def fetch(self, url: str, via: list[str]) -> bytes:
        """Return what is at a URL; ``via`` is added the URLs that the servers sent on to."""
        if not self.online():
            raise ResolveError(urlsplit(url).hostname or url)
        try:
            return self.internet.fetch(url)
        except Redirect as sent_on:
            via.append(sent_on.url)
            return self.internet.fetch(sent_on.url)


def programs(
    internet: Internet, online: Callable[[], bool] = lambda: True
) -> Mapping[str, Program]:
    """Return ``wget`` and ``curl`` for a machine that may be offline."""
    client = _Client(internet, online)
    return {"wget": partial(_wget, client), "curl": partial(_curl, client)}


async def _wget(client: _Client, process: Process) -> int:
    given = ["--no-verbose" if word == "-nv" else word for word in process.argv[1:]]
    words = split(given, _WGET)
    url = _only_url(words)
    say = process.complain if not words.has("quiet") else _discard
    output = words.last("output") or posixpath.join(words.last("directory"), _name(url))
    spider = words.has("spider")
    if words.has("output") and not (words.has("resume") or spider):
        await _save(process, output, b"")  # wget opens what -O names before it asks the server
    via: list[str] = []
    try:
        data = client.fetch(url, via)
        for sent_on in via if words.has("headers") else ():
            await process.complain(f"  HTTP/1.1 302 Found\n  Location: {sent_on}\n")
    except ResolveError as error:
        await say(f"wget: unable to resolve host address \u2018{error}\u2019\n")
        return 4
    except HttpError as error:
        broken = spider and error.status == 404
        why = _BROKEN if broken else f"ERROR {error.status}: {error.reason}."
        await say(f"{url}:\n{why}\n")
        return 8
    if spider:
        await say(f"URL:{url} 200 OK\n")
        return 0
    await _deliver(process, output, data, resume=words.has("resume"))
    await say(f'URL:{url} [{len(data)}/{len(data)}] -> "{output}" [1]\n')
    return 0


async def _curl(client: _Client, process: Process) -> int:
    words = split(process.argv[1:], _CURL)
    url = _only_url(words)
    say = process.complain if words.has("errors") or not words.has("silent") else _discard
    output = _name(url) if words.has("remote") else words.last("output", "-")
    data, trouble = _asked(client, url, words)
    if trouble is not None:
        await say(f"curl: ({trouble[0]}) {trouble[1]}\n")
        return trouble[0]
    if words.has("head"):
        data = f"HTTP/1.1 200 OK\r\nContent-Length: {len(data)}\r\n\r\n".encode()
    if words.has("parents") and output != "-":
        directory = posixpath.dirname(absolute(process, output))
        process.machine.files.mkdir(directory, parents=True)
    try:
        await _deliver(process, output, data, resume=words.has("resume"))
    except BrokenPipeError:
        raise
    except OSError as error:
        await say(f"Warning: Failed to open the file {output}: {error.strerror}\n")
        await say("curl: (23) Failure writing output to destination\n")
        return 23
    return 0


def _asked(client: _Client, url: str, words: Words) -> tuple[bytes, tuple[int, str] | None]:
    """Return what curl gets, or its exit status and complaint."""
    via: list[str] = []
    allowed = words.last("proto-redir", "=http,https").removeprefix("=").split(",")
    try:
        data = client.fetch(url, via)
    except ResolveError as error:
        return b"", (6, f"Could not resolve host: {error}")
    except HttpError as error:
        if words.has("fail"):
            return b"", (22, f"The requested URL returned error: {error.status}")
        return f"<html><body><h1>{error}</h1></body></html>\n".encode(), None
    for scheme in (sent_on.partition(":")[0] for sent_on in via):
        if scheme not in allowed:
            return b"", (1, f'Protocol "{scheme}" not supported or disabled in libcurl')
    return data, None


def _only_url(words: Words) -> str:
    if len(words.operands) != 1:
        raise NotSimulated(f"{len(words.operands)} URLs at once")
    return words.operands[0]


def _name(url: str) -> str:
    return posixpath.basename(urlsplit(url).path) or "index.html"


async def _deliver(process: Process, output: str, data: bytes, *, resume: bool) -> None:
    """Write what arrives in two parts, so that a download can be caught half-way."""
    have = 0
    if resume and descriptor_of(output) is None:
        path = absolute(process, output)
        files = process.machine.files
        have = files.stat(path).size if files.exists(path) else 0
    rest = data[have:]
    half = len(rest) // 2
    await _save(process, output, rest[:half], append=have > 0)
    await process.machine.clock.sleep(seconds_of(data, process.machine.clock.figures))
    await _save(process, output, rest[half:], append=True)


def seconds_of(data: bytes, figures: Figures) -> float:
    """Return how long a download takes: by what it is, not by its size in the lab."""
    image = data.startswith(IMAGE_MAGIC)
    return figures.image_download if image else figures.small_download


async def _save(process: Process, output: str, data: bytes, *, append: bool = False) -> None:
    if output == "-":
        await process.stdout.write(data)
    else:
        await write_file(process, output, data, append=append)


async def _discard(text: str) -> None:
    """Say nothing."""
