"""A server of OpenAI's interface on loopback that plays what a test wants."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass(frozen=True)
class Says:
    """An answer with its status and headers."""

    status: int = 200
    content: bytes = b'{"error": {"message": "no"}}'
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass
class Server:
    """What was asked of a server, and what it plays, the last play for ever.

    A play is the text of an answer, data (its JSON is the text), the bytes of a body, a status,
    ``Says``, or what goes wrong: ``hang``, ``cut``, ``drip``, ``flood``, ``babble``.
    """

    plays: list[object]
    asked: list[dict] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    strayed: list[str] = field(default_factory=list)
    sent: int = 0
    over: threading.Event = field(default_factory=threading.Event)
    url: str = ""

    def next(self, body: dict) -> object:
        self.asked.append(body)
        return self.plays.pop(0) if len(self.plays) > 1 else self.plays[0]

    @property
    def facts(self) -> dict:
        return json.loads(self.asked[-1]["messages"][1]["content"])


def completion(text: object, finish: str = "stop", **more: object) -> bytes:
    message = {"role": "assistant", "content": text, **more}
    return json.dumps(
        {
            "id": "x",
            "object": "chat.completion",
            "created": 1,
            "model": "m",
            "choices": [{"index": 0, "message": message, "finish_reason": finish}],
            "usage": {"prompt_tokens": 700, "completion_tokens": 30, "total_tokens": 730},
        }
    ).encode()


FLOOD = 100_000_000
BABBLE = b"\x1b[2J\x1b[31mall is well" + b"!" * 50_000 + b"\r\n\r\n"


@contextmanager
def served(*plays: object) -> Iterator[Server]:
    server = Server(list(plays))

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            if self.path != "/v1/chat/completions":
                server.strayed.append(self.path)
            server.keys.append(self.headers.get("Authorization", ""))
            with suppress(OSError):  # who asked has gone
                self._play(server.next(body))

        def do_GET(self) -> None:
            server.strayed.append(self.path)
            self._say(Says(200, completion("{}")))

        def _play(self, play: object) -> None:
            if play == "hang":
                server.over.wait(30)
            elif play == "cut":
                self._begin(Says(headers={"Content-Length": "5000"}))
                self.wfile.write(b'{"choi')
                self.connection.shutdown(socket.SHUT_RDWR)
            elif play == "babble":
                self.wfile.write(BABBLE)
                self.connection.shutdown(socket.SHUT_RDWR)
            elif play == "drip":
                self._begin(Says(headers={"Content-Length": "5000"}))
                while not server.over.wait(0.02):
                    self.wfile.write(b" ")
            elif play == "flood":
                self._begin(Says(headers={"Content-Length": str(FLOOD)}))
                while server.sent < FLOOD:
                    server.sent += self.wfile.write(b" " * 100_000)
            else:
                self._say(_says(play))

        def _say(self, says: Says) -> None:
            self._begin(says)
            self.wfile.write(says.content)

        def _begin(self, says: Says) -> None:
            self.send_response(says.status)
            length = {"Content-Length": str(len(says.content))}
            if 300 <= says.status < 400:
                length["Location"] = f"{server.url}/elsewhere"
            headers = {"Content-Type": "application/json", **length, **says.headers}
            for key, value in headers.items():
                self.send_header(key, value)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    http.daemon_threads = True
    threading.Thread(target=http.serve_forever, args=(0.01,), daemon=True).start()
    server.url = f"http://127.0.0.1:{http.server_port}/v1"
    try:
        yield server
    finally:
        server.over.set()
        http.shutdown()
        http.server_close()


def _says(play: object) -> Says:
    if isinstance(play, Says):
        return play
    if isinstance(play, int):
        return Says(play)
    if isinstance(play, bytes):
        return Says(content=play)
    return Says(content=completion(play if isinstance(play, str) else json.dumps(play)))
