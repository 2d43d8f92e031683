"""curl: it fetches files or pieces of them, and tells how that went."""

from __future__ import annotations

import math
import posixpath
import re
from collections.abc import Callable
from dataclasses import dataclass, field

from pvekit.lab.commands.fetching import (
    Client,
    Delivery,
    discard,
    first_byte,
    name_of,
    only_url,
    save,
)
from pvekit.lab.guests.disk import IMAGE_MAGIC
from pvekit.lab.guests.images import REASONS, HttpError, ResolveError
from pvekit.lab.guests.words import Words, grammar, split
from pvekit.lab.line import weight
from pvekit.lab.process import NotSimulated, Process
from pvekit.lab.streams import absolute

_CURL = grammar(
    "-f=fail --fail=fail -s=silent --silent=silent -S=errors --show-error=errors -L=follow"
    " --location=follow -o=output= --output=output= -O=remote --remote-name=remote"
    " --retry=retry= --retry-delay=delay= --retry-max-time=delay= --retry-connrefused=again"
    " --retry-all-errors=again --connect-timeout=timeout= -m=within= --max-time=within="
    " -C=resume= --continue-at=resume= --proto=proto= --proto-redir=proto-redir= --tlsv1.2=tls"
    " --create-dirs=parents -#=bar --progress-bar=bar -y=slow= --speed-time=slow= -Y=slow="
    " --speed-limit=slow= --remove-on-error=remove --no-progress-meter=quiet"
    " -I=head --head=head -r=range= --range=range= -D=headers= --dump-header=headers="
    " -w=write= --write-out=write="
)
_UNRESOLVED, _REFUSED, _PROTOCOL, _UNWRITTEN, _LATE = 6, 22, 1, 23, 28
_PARTIAL = 206


@dataclass
class _Answer:
    """What a server answers; ``size`` is in bytes as the site counts them."""

    status: int = 0
    data: bytes = b""
    size: int = 0
    more: str = ""
    via: list[str] = field(default_factory=list)

    @property
    def headers(self) -> str:
        """The headers, those of the servers that sent on first."""
        sent_on = (f"HTTP/1.1 302 Found\r\nLocation: {url}\r\n\r\n" for url in self.via)
        reason = REASONS.get(self.status, "OK")
        length = f"Content-Length: {self.size}\r\n"
        return f"{''.join(sent_on)}HTTP/1.1 {self.status} {reason}\r\n{length}{self.more}\r\n"


@dataclass
class _Times:
    """When it began, and how many seconds later the first byte came."""

    now: Callable[[], float]
    began: float
    first: float = 0.0

    @property
    def passed(self) -> float:
        return self.now() - self.began


async def curl(client: Client, process: Process) -> int:
    """Fetch a URL."""
    words = split(process.argv[1:], _CURL)
    url, clock = only_url(words), process.machine.clock
    say = process.complain if words.has("errors") or not words.has("silent") else discard
    times = _Times(clock.now, clock.now())
    answer, trouble = _asked(client, url, words)
    within = float(words.last("within", "inf"))
    if answer.status:
        await first_byte(clock)
        times.first = times.passed
    delivery = Delivery(process, client.internet, url, answer.data, answer.size)
    if trouble is None:
        trouble = await _delivered(process, words, answer, delivery, within)
    if trouble is not None:
        await say(f"curl: ({trouble[0]}) {trouble[1]}\n")
    if words.has("write"):
        await process.say(_written_out(words.last("write"), answer, delivery, times))
    return trouble[0] if trouble is not None else 0


async def _delivered(
    process: Process, words: Words, answer: _Answer, delivery: Delivery, within: float
) -> tuple[int, str] | None:
    """Write what comes; return curl's exit status and complaint if that is not all."""
    remote = words.has("remote")
    output = name_of(delivery.url) if remote else words.last("output", "-")
    if answer.status == _PARTIAL and output != "/dev/null" and delivery.data == IMAGE_MAGIC:
        raise NotSimulated("the content of a piece of an image")
    if words.has("parents") and output != "-":
        process.machine.files.mkdir(posixpath.dirname(absolute(process, output)), parents=True)
    try:
        if words.has("headers"):
            await save(process, words.last("headers"), answer.headers.encode())
        within -= process.machine.clock.figures.small_download
        await delivery.write(output, resume=words.has("resume"), within=within)
    except BrokenPipeError:
        raise
    except OSError as error:
        await process.complain(f"Warning: Failed to open the file {output}: {error.strerror}\n")
        return _UNWRITTEN, "Failure writing output to destination"
    if delivery.came == delivery.size:
        return None
    late = f"{math.floor(float(words.last('within')) * 1000)} milliseconds"
    told = f"{delivery.came} out of {delivery.size} bytes received"
    return _LATE, f"Operation timed out after {late} with {told}"


def _asked(client: Client, url: str, words: Words) -> tuple[_Answer, tuple[int, str] | None]:
    """Return what the server answers, or curl's exit status and complaint."""
    answer = _Answer()
    allowed = words.last("proto-redir", "=http,https").removeprefix("=").split(",")
    try:
        data = client.fetch(url, answer.via)
    except ResolveError as error:
        return answer, (_UNRESOLVED, f"Could not resolve host: {error}")
    except HttpError as error:
        answer.status = error.status
        if words.has("fail"):
            return answer, (_REFUSED, f"The requested URL returned error: {error.status}")
        answer.data = f"<html><body><h1>{error}</h1></body></html>\n".encode()
        answer.size = len(answer.data)
        return answer, None
    for scheme in (sent_on.partition(":")[0] for sent_on in answer.via):
        if scheme not in allowed:
            return answer, (_PROTOCOL, f'Protocol "{scheme}" not supported or disabled in libcurl')
    figures = client.internet.figures
    answer.status, answer.data, answer.size = 200, data, weight(data, figures)
    if words.has("head"):
        answer.data = answer.headers.encode()
        answer.size = len(answer.data)
    elif words.has("range") and client.internet.gives_pieces(url):
        _cut(answer, words.last("range"))
    return answer, None


def _cut(answer: _Answer, wanted: str) -> None:
    """Answer with a piece of the file."""
    found = re.fullmatch(r"(\d+)-(\d*)", wanted)
    first = int(found[1]) if found else 0
    if found is None or first >= answer.size:
        raise NotSimulated(f"the range {wanted}")
    last = min(int(found[2] or answer.size), answer.size - 1)
    answer.more = f"Content-Range: bytes {first}-{last}/{answer.size}\r\n"
    image = answer.data.startswith(IMAGE_MAGIC)
    if not image:
        answer.data = answer.data[first : last + 1]
    elif last - first + 1 < answer.size:
        answer.data = IMAGE_MAGIC
    answer.status, answer.size = _PARTIAL, last - first + 1


def _written_out(form: str, answer: _Answer, delivery: Delivery, times: _Times) -> str:
    total = max(times.passed, times.first)
    known = {
        "http_code": f"{answer.status:03}",
        "response_code": f"{answer.status:03}",
        "size_download": str(delivery.came),
        "speed_download": str(int(delivery.came / total) if total else 0),
        "time_starttransfer": f"{times.first:.6f}",
        "time_total": f"{total:.6f}",
    }

    def one(found: re.Match[str]) -> str:
        if found[1] not in known:
            raise NotSimulated(f"--write-out {found[0]}")
        return known[found[1]]

    text = form.replace("\\n", "\n").replace("\\t", "\t")
    return re.sub(r"%\{(\w+)\}", one, text)
