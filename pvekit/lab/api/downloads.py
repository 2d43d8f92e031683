"""``download-url``: a file from the internet, put on a storage."""

from __future__ import annotations

import hashlib
import re

from pvekit.lab.api.routes import Route
from pvekit.lab.commands.call import Call
from pvekit.lab.commands.fetching import pass_time
from pvekit.lab.failure import Failure
from pvekit.lab.guests.images import HttpError, Internet, Redirect, ResolveError
from pvekit.lab.process import NotSimulated
from pvekit.lab.storages.naming import listed_format
from pvekit.lab.tasks import Say

_PATH = "/nodes/{node}/storage/{storage}/download-url"


async def download(call: Call) -> None:
    """Fetch a file as a task, and keep it only if its checksum is right."""
    if "compression" in call.values:
        raise NotSimulated("decompressing a download")
    storage, content = call.values["storage"], call.values["content"]
    definition = call.node.storages.usable(storage)
    if not definition.path:
        raise Failure(
            f"can't upload to storage type '{definition.type}', not a file based storage!"
        )
    if content not in definition.content:
        raise Failure(f"storage '{storage}' is not configured for content-type '{content}'")
    name = re.sub(r"[^-a-zA-Z0-9_.]", "_", call.values["filename"])
    if not listed_format(content, name):
        raise call.refuse(filename="wrong file extension")
    path = f"{definition.directory(content)}/{name}"
    if call.node.machine.files.exists(path):
        raise Failure(f"refusing to override existing file '{path}'")
    async with call.worker("download", name) as say:
        await _fetch(call, path, say)


def _followed(internet: Internet, url: str) -> bytes:
    try:
        return internet.fetch(url)
    except Redirect as sent_on:
        return internet.fetch(sent_on.url)


async def _fetch(call: Call, path: str, say: Say) -> None:
    url = call.values["url"]
    await say(f"downloading {url} to {path}\n")
    try:
        data = _followed(call.node.world.internet, url)
    except (HttpError, ResolveError) as error:
        raise Failure(f"download failed: {error}") from error
    await pass_time(call.node.world.internet, data, call.node.machine.clock)
    if kind := call.get("checksum-algorithm"):
        await say("calculating checksum...")
        found = hashlib.new(kind, data).hexdigest()
        if found != call.get("checksum").lower():
            await say("\n")
            raise Failure(f"checksum mismatch: got '{found}' != expect '{call.get('checksum')}'")
        await say("OK, checksum verified\n")
    call.node.machine.files.write(path, data)
    await say(f"download of '{url}' to '{path}' finished\n")


ROUTES = (Route("create", _PATH, download),)
