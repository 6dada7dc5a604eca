"""An annotator's browser over HTTP: a session, a CSRF token, one connection, patience."""

import http.client
import json
import re
import threading
import time
from collections import defaultdict
from importlib import import_module
from itertools import chain, repeat
from urllib.parse import urlencode

from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.auth.models import User

RETRY_SECONDS = 0.2
KEY = re.compile(r'data-assignment="([0-9a-f-]{36})"')
Millis = dict[str, list[float]]


def session_of(user: User) -> str:
    """Signed in as this person, without the login page, which lets nobody in so often."""
    session = import_module(settings.SESSION_ENGINE).SessionStore()
    session[SESSION_KEY] = str(user.pk)
    session[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[0]
    session[HASH_SESSION_KEY] = user.get_session_auth_hash()
    session.save()
    return str(session.session_key)


class Annotator:
    """What a browser does in one project. Times are from the first try to the answer."""

    def __init__(self, port: int, session: str, slug: str, ended: threading.Event) -> None:
        self.port, self.slug, self.ended = port, slug, ended
        self.cookies = {settings.SESSION_COOKIE_NAME: session}
        self.connection: http.client.HTTPConnection | None = None
        self.held: list[str] = []  # the item on the screen, and the one held ready
        self.millis: Millis = defaultdict(list)
        self.retries = 0
        self.failures: list[str] = []  # answers of 500 and above

    def open(self) -> None:
        """Load the page, and load it again where the process that had it was killed."""
        while True:
            try:
                status, _ = self.request("GET", f"/projects/{self.slug}/annotate/")
            except (OSError, http.client.HTTPException):
                self.retries += 1
                if self.ended.wait(RETRY_SECONDS):
                    return
            else:
                break
        if status != 200 or settings.CSRF_COOKIE_NAME not in self.cookies:
            raise RuntimeError(f"The annotator's page answered {status}.")

    def next(self, held: list[str]) -> str | None:
        """The key of an item that is not held yet; None when there is none, or too many are."""
        status, page = self.post(f"/projects/{self.slug}/next/", "next", held=",".join(held))
        if status in (204, 409):
            return None
        found = KEY.search(page)
        assert found is not None, f"{status}: {page[:500]}"
        return found.group(1)

    def submit(self, key: str, submit_key: str, strength: int, opens: str = "") -> bool:
        """Whether the server said that the answer is stored; `opens` is the item held ready."""
        fields = {"strength": str(strength), "submit_key": submit_key, "seconds": "1.0"}
        status, page = self.post(f"/assignments/{key}/submit/", "submit", opens=opens, **fields)
        assert status in (200, 409), f"{status}: {page[:500]}"
        if status == 200 and opens and not json.loads(page).get("opened"):
            self.show(opens)
        return status == 200

    def skip(self, key: str) -> None:
        status, page = self.post(f"/assignments/{key}/skip/", "skip", reason="Not for me")
        assert status in (200, 409), f"{status}: {page[:500]}"

    def show(self, key: str) -> None:
        """The sign of life that a browser gives when the item comes onto the screen."""
        fields = {"active_seconds": "0.00", "opened": "1"}
        status, page = self.post(f"/assignments/{key}/heartbeat/", "heartbeat", **fields)
        assert status in (200, 409), f"{status}: {page[:500]}"

    def post(self, path: str, name: str, **fields: str) -> tuple[int, str]:
        """Send it until there is an answer, as the browser does with the same form."""
        began = time.perf_counter()
        for pause in chain([0.0], repeat(RETRY_SECONDS)):
            try:
                status, page = self.request("POST", path, urlencode(fields))
            except (OSError, http.client.HTTPException):
                self.retries += 1  # the process that had it was killed
            else:
                if status < 500:
                    self.millis[name].append(1000 * (time.perf_counter() - began))
                    return status, page
                self.failures.append(f"{path} {status}")
            # At once at first: the server may have closed a connection that was not used for long.
            if self.ended.wait(pause):
                break
        return 409, ""

    def request(self, method: str, path: str, body: str | None = None) -> tuple[int, str]:
        if self.connection is None:
            self.connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        headers = {"Cookie": "; ".join(f"{name}={text}" for name, text in self.cookies.items())}
        if body is not None:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
            headers["X-CSRFToken"] = self.cookies[settings.CSRF_COOKIE_NAME]
            headers["Origin"] = f"http://127.0.0.1:{self.port}"
        try:
            self.connection.request(method, path, body, headers)
            answer = self.connection.getresponse()
            page = answer.read().decode()
        except (OSError, http.client.HTTPException):
            self.connection.close()
            self.connection = None
            raise
        for cookie in answer.headers.get_all("Set-Cookie", []):
            name, _, text = cookie.partition(";")[0].partition("=")
            self.cookies[name] = text
        return answer.status, page


def share(values: list[float], percent: float) -> float:
    """The smallest value that this share of them does not exceed; 0 of none."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))] if ordered else 0.0
