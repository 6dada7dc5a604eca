"""Models that this installation serves itself, offered by whoever keeps them.

`settings.SERVED_MODELS` names a module with the two functions of `Provider`; this application does
not know whose it is, and works without one.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from importlib import import_module
from typing import Protocol, cast

from django.conf import settings

from annotation.chat.client import Target
from annotation.models import Project


class NotServed(Exception):
    """The model cannot be had now; the message may be shown to an annotator and names no model."""


class ServedModel(Protocol):
    @property
    def label(self) -> str: ...

    def lease(self, is_wanted: Callable[[], bool]) -> AbstractContextManager[Target]:
        """Have it served while the block runs, started first if it must be; raise NotServed.

        Called in a thread and without a database. `is_wanted` says whether somebody still waits.
        """


class Provider(Protocol):
    def offered(self, project: Project) -> list[tuple[str, str]]:
        """(name, label) of each model that a project may chat with."""

    def find(self, project: Project, name: str) -> ServedModel:
        """The model of this name; raise NotServed if it is not here now."""


class Nobody:
    """The provider of an installation that serves no models."""

    def offered(self, project: Project) -> list[tuple[str, str]]:
        return []

    def find(self, project: Project, name: str) -> ServedModel:
        raise NotServed("the model is not served any more")


def provider() -> Provider:
    name = getattr(settings, "SERVED_MODELS", "")
    return cast(Provider, import_module(name)) if name else Nobody()
