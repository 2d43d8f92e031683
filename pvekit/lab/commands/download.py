"""wget and curl: they fetch from the lab's internet."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Mapping
from functools import partial

from pvekit.lab.commands.curl import curl
from pvekit.lab.commands.fetching import (
    Client,
    Delivery,
    discard,
    first_byte,
    name_of,
    only_url,
    save,
)
from pvekit.lab.guests.images import HttpError, Internet, ResolveError
from pvekit.lab.guests.words import grammar, split
from pvekit.lab.line import weight
from pvekit.lab.process import Process, Program

_WGET = grammar(
    "-q=quiet --quiet=quiet -O=output= --output-document=output= -nv=brief --no-verbose=brief"
    " --show-progress=progress --progress=style= --timeout=timeout= -T=timeout="
    " --connect-timeout=timeout= --read-timeout=timeout= --dns-timeout=timeout= --tries=tries="
    " -t=tries= --waitretry=wait= --retry-connrefused=retry -c=resume --continue=resume"
    " --spider=spider -S=headers --server-response=headers --https-only=https"
    " --max-redirect=redirects= -P=directory= --directory-prefix=directory="
)
_BROKEN = "Remote file does not exist -- broken link!!!"


def programs(
    internet: Internet, online: Callable[[], bool] = lambda: True
) -> Mapping[str, Program]:
    """Return ``wget`` and ``curl`` for a machine that may be offline."""
    client = Client(internet, online)
    return {"wget": partial(_wget, client), "curl": partial(curl, client)}


async def _wget(client: Client, process: Process) -> int:
    given = ["--no-verbose" if word == "-nv" else word for word in process.argv[1:]]
    words = split(given, _WGET)
    url = only_url(words)
    say = process.complain if not words.has("quiet") else discard
    output = words.last("output") or posixpath.join(words.last("directory"), name_of(url))
    spider = words.has("spider")
    if words.has("output") and not (words.has("resume") or spider):
        await save(process, output, b"")  # wget opens what -O names before it asks the server
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
    clock = process.machine.clock
    await first_byte(clock)
    delivery = Delivery(process, client.internet, url, data, weight(data, clock.figures))
    await delivery.write(output, resume=words.has("resume"))
    await say(f'URL:{url} [{len(data)}/{len(data)}] -> "{output}" [1]\n')
    return 0
