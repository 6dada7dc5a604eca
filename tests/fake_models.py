"""Servers that speak the OpenAI-style interface, each in a thread: good and bad in all ways."""

import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Answer = Callable[["Handler", dict[str, Any]], None]


class Handler(BaseHTTPRequestHandler):
    server: "Server"

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.seen.append((self.path, dict(self.headers), body))
        self.server.answer(self, body)

    def send(self, content: bytes, status: int = 200, **headers: str) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(content)), **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        pass


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, answer: Answer) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.answer = answer
        self.seen: list[tuple[str, dict[str, str], dict[str, Any]]] = []

    def handle_error(self, *_: object) -> None:
        pass  # whoever asked has gone: that is what some tests are about


@dataclass
class FakeModel:
    """A server that is up; `seen` is what it was sent: (path, headers, body)."""

    server: Server
    seen: list[tuple[str, dict[str, str], dict[str, Any]]] = field(init=False)

    def __post_init__(self) -> None:
        self.seen = self.server.seen

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}/v1"


@contextmanager
def running(answer: Answer) -> Iterator[FakeModel]:
    server = Server(answer)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield FakeModel(server)
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def completion(text: object, finish_reason: str = "stop", **choice: Any) -> bytes:
    message = {"role": "assistant", "content": text}
    choices = [{"index": 0, "message": message, "finish_reason": finish_reason, **choice}]
    return json.dumps({"id": "x", "model": "canary-name", "choices": choices}).encode()


def saying(*texts: str, finish_reason: str = "stop", after: float = 0.0, **choice: Any) -> Answer:
    """Says these texts in turn, and the last one from then on, each after a while."""
    left = list(texts)
    lock = threading.Lock()

    def answer(handler: Handler, body: dict[str, Any]) -> None:
        with lock:
            text = left.pop(0) if len(left) > 1 else left[0]
        threading.Event().wait(after)
        handler.send(completion(text, finish_reason, **choice))

    return answer


def echoing(prefix: str, after: float = 0.0) -> Answer:
    """Repeats what was said last."""

    def answer(handler: Handler, body: dict[str, Any]) -> None:
        threading.Event().wait(after)
        handler.send(completion(f"{prefix}: {body['messages'][-1]['content']}"))

    return answer


def sending(content: bytes, status: int = 200, **headers: str) -> Answer:
    return lambda handler, body: handler.send(content, status, **headers)


def silent(handler: Handler, body: dict[str, Any]) -> None:
    """Takes the request and says nothing until the other side goes."""
    handler.connection.settimeout(20)
    handler.connection.recv(1)


def dripping(handler: Handler, body: dict[str, Any]) -> None:
    """A byte now and then, for ever: no single read is slow."""
    handler.send_response(200)
    handler.send_header("Content-Length", "100000")
    handler.end_headers()
    for _ in range(400):
        handler.wfile.write(b" ")
        handler.wfile.flush()
        threading.Event().wait(0.05)


def breaking_off(handler: Handler, body: dict[str, Any]) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", "1000")
    handler.end_headers()
    handler.wfile.write(b'{"choices": ')


def endless(handler: Handler, body: dict[str, Any]) -> None:
    """A body without end, as fast as it goes."""
    handler.send_response(200)
    handler.end_headers()
    for _ in range(1000):
        handler.wfile.write(b"x" * 65536)


def free_address() -> str:
    """An address at which nothing listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{probe.getsockname()[1]}/v1"
