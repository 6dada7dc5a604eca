"""Projects with chat, and a worker that answers at once."""

from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from django.contrib.auth.models import User
from pytest_django import Settings

from annotation import services
from annotation.models import Conversation, Endpoint, Project
from tests.fake_models import Answer, FakeModel, running


class Models:
    """Endpoints of a project, each with a server behind it."""

    def __init__(self, project: Project, stack: ExitStack) -> None:
        self.project = project
        self.stack = stack

    def add(self, answer: Answer, label: str = "", **fields: object) -> FakeModel:
        model = self.stack.enter_context(running(answer))
        label = label or f"Model {self.project.endpoints.count() + 1}"
        services.add_endpoint(
            self.project, label=label, address=model.address, model="some/model", **fields
        )
        return model

    def endpoint(self, label: str) -> Endpoint:
        return self.project.endpoints.get(label=label)


@pytest.fixture
def models(project: Project) -> Iterator[Models]:
    with ExitStack() as stack:
        yield Models(project, stack)


@pytest.fixture
def conversation(project: Project, annotator: User) -> Conversation:
    return services.start_conversation(project, annotator)


@pytest.fixture
def impatient(settings: Settings) -> None:
    """A model has two seconds."""
    settings.CHAT_SECONDS = 2.0
