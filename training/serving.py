"""Checkpoints for chat: `annotation.chat.served` finds this module through settings.SERVED_MODELS.

Each is served by a child process, `transformers serve`, of the chat worker while somebody needs it:
started on demand, ended when it was idle for CHAT_IDLE_SECONDS or when another one needs its place.
It listens on 127.0.0.1 behind a key of its own, and ends with its parent, whose pipe it reads.
"""

import atexit
import json
import os
import secrets
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings

from annotation.chat.client import TIMED_OUT, Target
from annotation.chat.served import NotServed
from annotation.models import Project
from training import queries, registry, services
from training.launcher import SECRETS
from training.models import Checkpoint

LOOK_SECONDS = 0.2


@dataclass(frozen=True)
class ServedCheckpoint:
    label: str
    folder: Path

    def lease(self, is_wanted: Callable[[], bool]) -> AbstractContextManager[Target]:
        return keeper.lease(self.folder, is_wanted)


def offered(project: Project) -> list[tuple[str, str]]:
    """The policies that the project can use; the demo model is among them."""
    registry.demo_checkpoint()
    policies = queries.usable_checkpoints(project).filter(role=Checkpoint.Role.POLICY)
    return [(checkpoint.slug, checkpoint.label) for checkpoint in policies]


def find(project: Project, name: str) -> ServedCheckpoint:
    """The checkpoint, if it lies here; one that does not is fetched meanwhile."""
    checkpoint = queries.usable_checkpoints(project).filter(slug=name).first()
    if checkpoint is None:
        raise NotServed("the model is not served any more")
    if not registry.is_here(checkpoint):
        services.fetch_checkpoint(checkpoint)
        raise NotServed("the model is being fetched to this machine, which takes some minutes")
    return ServedCheckpoint(checkpoint.label, checkpoint.folder)


class Child:
    """One serving process. `users` and `last_used` belong to the keeper's lock."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.key = secrets.token_hex(32)
        self.users = 0
        self.last_used = time.monotonic()
        self.port, self.model = 0, ""
        self.has_spoken = threading.Event()
        environment = {name: text for name, text in os.environ.items() if name not in SECRETS}
        environment |= {"PYTHONUNBUFFERED": "1", "TOKENIZERS_PARALLELISM": "false"}
        self.process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
            [*settings.SERVE_COMMAND, str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=settings.BASE_DIR,
            env=environment,
            start_new_session=True,
        )
        assert self.process.stdin is not None
        with suppress(BrokenPipeError):  # it ended at once: whoever waits is told
            self.process.stdin.write(f"{self.key}\n".encode())
            self.process.stdin.flush()
        threading.Thread(target=self._listen, name="served", daemon=True).start()

    def _listen(self) -> None:
        """Hear the port; what ends without a word has port 0."""
        assert self.process.stdout is not None
        with self.process.stdout as said:
            with suppress(ValueError, KeyError, TypeError):
                ready = json.loads(said.readline())
                self.port, self.model = int(ready["port"]), str(ready["model"])
            self.has_spoken.set()
            while said.read(4096):  # it says no more; a full pipe would stop it if it did
                pass

    @property
    def target(self) -> Target:
        return Target(f"http://127.0.0.1:{self.port}/v1", self.model, self.key)

    def wait_until_ready(self, until: float, is_wanted: Callable[[], bool]) -> None:
        while not self.has_spoken.wait(LOOK_SECONDS):
            if time.monotonic() > until or not is_wanted():
                raise NotServed(TIMED_OUT)
        if not self.port:
            raise NotServed("the model could not be loaded")

    def has_ended(self) -> bool:
        return self.process.poll() is not None

    def end(self) -> None:
        """It has nothing to save."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        if self.process.stdin:
            with suppress(BrokenPipeError):
                self.process.stdin.close()


class Keeper:
    """The children of this process: at most CHAT_MODELS at a time."""

    def __init__(self) -> None:
        self.changed = threading.Condition()
        self.children: dict[Path, Child] = {}
        self.is_looking = False

    @contextmanager
    def lease(self, folder: Path, is_wanted: Callable[[], bool]) -> Iterator[Target]:
        """The model of this folder, while the block runs; raise NotServed."""
        until = time.monotonic() + settings.CHAT_LOAD_SECONDS
        child = self._take(folder, until, is_wanted)
        try:
            child.wait_until_ready(until, is_wanted)
            yield child.target
        finally:
            with self.changed:
                child.users -= 1
                child.last_used = time.monotonic()
                self.changed.notify_all()

    def _take(self, folder: Path, until: float, is_wanted: Callable[[], bool]) -> Child:
        with self.changed:
            while True:
                self._forget_ended()
                if folder not in self.children and self._make_room():
                    self.children[folder] = Child(folder)
                    self._look_after()
                if child := self.children.get(folder):
                    child.users += 1
                    return child
                if time.monotonic() > until or not is_wanted():
                    raise NotServed(TIMED_OUT)
                self.changed.wait(LOOK_SECONDS)

    def _forget_ended(self) -> None:
        for folder, child in list(self.children.items()):
            if child.has_ended():
                child.end()
                del self.children[folder]

    def _make_room(self) -> bool:
        if len(self.children) < settings.CHAT_MODELS:
            return True
        idle = [child for child in self.children.values() if child.users == 0]
        if not idle:
            return False
        self._end(min(idle, key=lambda child: child.last_used))
        return True

    def _end(self, child: Child) -> None:
        del self.children[child.folder]
        child.end()

    def _look_after(self) -> None:
        if not self.is_looking:
            self.is_looking = True
            threading.Thread(target=self._end_idle, name="keeper", daemon=True).start()

    def _end_idle(self) -> None:
        while True:
            with self.changed:
                self._forget_ended()
                before = time.monotonic() - settings.CHAT_IDLE_SECONDS
                for child in list(self.children.values()):
                    if child.users == 0 and child.last_used < before:
                        self._end(child)
                if not self.children:
                    self.is_looking = False
                    return
            time.sleep(min(5.0, settings.CHAT_IDLE_SECONDS / 4))

    def end_all(self) -> None:
        with self.changed:
            for child in list(self.children.values()):
                self._end(child)


keeper = Keeper()
atexit.register(keeper.end_all)
