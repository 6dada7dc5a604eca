"""One request to one model over the OpenAI-style interface. The only way out to an address that
somebody typed in: bounded in time and size, without redirects, and never to a link-local address
(where clouds keep their credentials). Standard library only, no database.
"""

import http.client
import ipaddress
import json
import re
import socket
import ssl
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import SplitResult, urlsplit

CONNECT_SECONDS = 5.0
MAX_REPLY_BYTES = 1_000_000  # no more characters than a response may have
# where clouds keep credentials, beside the link-local addresses
METADATA = frozenset(map(ipaddress.ip_address, ("fd00:ec2::254", "100.100.100.200", "192.0.0.192")))
MAX_ADDRESS_CHARS = 500
UNSTORABLE = re.compile("[\x00\ud800-\udfff]")

TIMED_OUT = "the model did not respond in time"
UNREACHABLE = "the model could not be reached"
REFUSED = "the model answered with an error"
UNREADABLE = "the model’s answer could not be read"
EMPTY = "the model’s answer was empty"


class AddressInvalid(ValueError):
    """An address that nobody is spoken to at; the message says why."""


class RequestFailed(Exception):
    """No reply. `reason` may be shown to an annotator: it is the same for every model. `detail` is
    for those who manage the endpoint, and holds nothing that the other side wrote."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


@dataclass(frozen=True)
class Target:
    """Where a model is spoken to, and as what."""

    address: str
    model: str
    api_key: str = field(default="", repr=False)


@dataclass(frozen=True)
class Reply:
    text: str
    is_truncated: bool
    token_ids: tuple[int, ...] | None = None


def check_address(address: str) -> SplitResult:
    """The address in its parts; raise AddressInvalid if it is not http(s)://HOST[:PORT][/PATH]."""
    if len(address) > MAX_ADDRESS_CHARS or not address.isascii() or not address.isprintable():
        raise AddressInvalid("An address is plain ASCII and at most 500 characters long.")
    try:
        parts = urlsplit(address)
        port = parts.port
    except ValueError:
        raise AddressInvalid(
            "The address cannot be read. It looks like http://host:8000/v1."
        ) from None
    if parts.scheme not in ("http", "https"):
        raise AddressInvalid("The address begins with http:// or https://.")
    if not parts.hostname or port == 0 or any(char in address for char in " \\"):
        raise AddressInvalid("The address names no host. It looks like http://host:8000/v1.")
    if parts.username is not None or parts.password is not None:
        raise AddressInvalid(
            "Leave name and password out of the address; there is a field for a key."
        )
    if parts.query or parts.fragment:
        raise AddressInvalid("The address ends with its path, as in http://host:8000/v1.")
    return parts


def ask(
    target: Target,
    messages: Sequence[dict[str, str]],
    *,
    max_tokens: int,
    temperature: float,
    seconds: float,
) -> Reply:
    """The model's answer to the messages, within `seconds` from now; raise RequestFailed."""
    body = {
        "model": target.model,
        "messages": list(messages),
        "max_tokens": max_tokens,
        "temperature": temperature,
        "n": 1,
        "stream": False,
    }
    headers = {"Content-Type": "application/json", "Accept": "application/json"}
    if target.api_key:
        headers["Authorization"] = f"Bearer {target.api_key}"
    exchange = Exchange(target.address, seconds)
    return read_reply(exchange.post("/chat/completions", json.dumps(body).encode(), headers))


class Exchange:
    """One POST with one deadline over all of it: a server that sends a byte a second is cut off."""

    def __init__(self, address: str, seconds: float) -> None:
        try:
            self.parts = check_address(address)
        except AddressInvalid as error:
            raise RequestFailed(UNREACHABLE, str(error)) from None
        self.deadline = time.monotonic() + seconds
        self.socket: socket.socket | None = None

    @property
    def left(self) -> float:
        return max(0.0, self.deadline - time.monotonic())

    def post(self, path: str, body: bytes, headers: dict[str, str]) -> bytes:
        try:
            self.socket = self.connect()
        except (OSError, UnicodeError) as error:
            raise RequestFailed(UNREACHABLE, f"no connection: {describe(error)}") from None
        # Whatever this thread then waits for ends with the connection.
        alarm = threading.Timer(self.left, self.cut)
        alarm.daemon = True
        alarm.start()
        try:
            return self.speak(self.parts.path.rstrip("/") + path, body, headers)
        except (OSError, http.client.HTTPException, ValueError) as error:
            if self.left == 0 or isinstance(error, TimeoutError):
                raise RequestFailed(TIMED_OUT, "no complete answer in time") from None
            raise RequestFailed(UNREADABLE, f"the connection broke: {describe(error)}") from None
        finally:
            alarm.cancel()
            self.socket.close()

    def connect(self) -> socket.socket:
        host = self.parts.hostname or ""
        secure = self.parts.scheme == "https"
        port = self.parts.port or (443 if secure else 80)
        place = allowed_place(host, port)
        plain = socket.create_connection(place, timeout=min(CONNECT_SECONDS, self.left))
        if not secure:
            return plain
        try:
            return ssl.create_default_context().wrap_socket(plain, server_hostname=host)
        except OSError:
            plain.close()
            raise

    def speak(self, path: str, body: bytes, headers: dict[str, str]) -> bytes:
        connection = http.client.HTTPConnection(self.parts.hostname or "", self.parts.port)
        connection.sock = self.socket
        assert self.socket is not None
        self.socket.settimeout(self.left or 0.001)
        connection.request("POST", path, body, {"Host": self.parts.netloc, **headers})
        response = connection.getresponse()
        if response.status != 200:  # nor is a redirect followed
            raise RequestFailed(REFUSED, f"HTTP {response.status}")
        content = response.read(MAX_REPLY_BYTES + 1)
        if len(content) > MAX_REPLY_BYTES:
            raise RequestFailed(UNREADABLE, f"more than {MAX_REPLY_BYTES:,} bytes")
        if response.length:
            reason = UNREADABLE if self.left else TIMED_OUT
            raise RequestFailed(reason, "the answer broke off")
        return content

    def cut(self) -> None:
        if self.socket is not None:
            try:
                self.socket.shutdown(socket.SHUT_RDWR)
            except OSError:
                return  # closed already


def allowed_place(host: str, port: int) -> tuple[str, int]:
    """The host's address, looked up once: what is checked is what is then connected to."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    for *_, place in found:
        ip = ipaddress.ip_address(str(place[0]).partition("%")[0])
        ip = getattr(ip, "ipv4_mapped", None) or ip
        if ip in METADATA or ip.is_link_local or ip.is_multicast or ip.is_unspecified:
            raise OSError(f"{ip} is not an address of a model")
    return str(found[0][4][0]), port


def describe(error: Exception) -> str:
    """The kind of error and the system's own words for it, never what the other side sent."""
    words = error.strerror if isinstance(error, OSError) else ""
    return f"{type(error).__name__} {words or ''}".strip()


def read_reply(content: bytes) -> Reply:
    """The first choice's text; raise RequestFailed for what is no such answer."""
    try:
        answer: Any = json.loads(content)
        choice = answer["choices"][0]
        text = choice["message"]["content"]
        reason = choice.get("finish_reason")
        ids = choice.get("token_ids")
    except (ValueError, KeyError, IndexError, TypeError, AttributeError, RecursionError):
        raise RequestFailed(UNREADABLE, "no choices[0].message.content in the answer") from None
    if not isinstance(text, str):
        raise RequestFailed(UNREADABLE, "choices[0].message.content is not a text")
    text = UNSTORABLE.sub("\ufffd", text)  # as in a sampling run
    if not text.strip():
        raise RequestFailed(EMPTY, "the text is empty")
    whole = isinstance(ids, list) and all(type(number) is int for number in ids)
    return Reply(text, reason == "length", tuple(ids) if whole else None)
