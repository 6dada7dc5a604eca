"""Checkpoints served to chat: started on demand, few at a time, ended when nobody needs them."""

import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from pytest_django import Settings

from annotation import services
from annotation.chat import jobs
from annotation.chat.served import NotServed, provider
from annotation.models import Project, Response
from annotation.queries_chat import thread
from tests.training.builders import make_checkpoint
from tests.training.engine.tiny import make_tiny_llama
from training import serving
from training.models import Checkpoint
from training.serving import Child, Keeper

pytestmark = pytest.mark.processes

# Stands for the engine where only the keeping is tested: a port, and then nothing until the end.
SPEAK = 'import sys; print(\'{"port": 9, "model": "m"}\', flush=True); sys.stdin.read()'
SPEAKING = [sys.executable, "-c", SPEAK]
MUTE = [sys.executable, "-c", "import sys; sys.stdin.read()"]


def always() -> bool:
    return True


@pytest.fixture
def keeper(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Keeper]:
    settings.SERVE_COMMAND = SPEAKING
    settings.CHAT_LOAD_SECONDS = 30.0
    own = Keeper()
    monkeypatch.setattr(serving, "keeper", own)
    yield own
    own.end_all()


def held(keeper: Keeper, name: str) -> Child:
    with keeper.lease(Path(name), always):
        return keeper.children[Path(name)]


def wait_for_end(child: Child, seconds: float = 20) -> None:
    until = time.monotonic() + seconds
    while not child.has_ended():
        assert time.monotonic() < until
        time.sleep(0.05)


def test_a_child_is_used_again(keeper: Keeper) -> None:
    first = held(keeper, "a")
    assert held(keeper, "a") is first
    assert first.target.address == "http://127.0.0.1:9/v1"
    assert len(first.target.api_key) == 64
    assert first.key not in repr(first.target)


def test_one_that_is_idle_makes_room(keeper: Keeper, settings: Settings) -> None:
    settings.CHAT_MODELS = 2
    first, second = held(keeper, "a"), held(keeper, "b")
    held(keeper, "a")
    third = held(keeper, "c")
    assert second.has_ended()
    assert not first.has_ended()
    assert not third.has_ended()


def test_one_that_is_used_does_not(keeper: Keeper, settings: Settings) -> None:
    settings.CHAT_MODELS = 1
    with keeper.lease(Path("a"), always):
        patience = iter([True, True, False])
        with pytest.raises(NotServed), keeper.lease(Path("b"), lambda: next(patience)):
            pass
        served = threading.Thread(target=held, args=(keeper, "b"))
        served.start()
        time.sleep(0.3)
        assert served.is_alive()
    served.join(timeout=20)
    assert list(keeper.children) == [Path("b")]


def test_one_that_is_idle_for_long_ends(keeper: Keeper, settings: Settings) -> None:
    settings.CHAT_IDLE_SECONDS = 0.2
    child = held(keeper, "a")
    wait_for_end(child)
    assert child.process.returncode == -9


def test_one_that_died_is_started_again(keeper: Keeper) -> None:
    first = held(keeper, "a")
    first.process.kill()
    wait_for_end(first)
    assert held(keeper, "a") is not first


def test_one_that_cannot_be_loaded_is_told(keeper: Keeper, settings: Settings) -> None:
    settings.SERVE_COMMAND = [sys.executable, "-c", "raise SystemExit(1)"]
    with pytest.raises(NotServed, match="could not be loaded"):
        held(keeper, "a")


def test_nobody_waits_for_one_that_loads_for_ever(keeper: Keeper, settings: Settings) -> None:
    settings.SERVE_COMMAND = MUTE
    settings.CHAT_LOAD_SECONDS = 0.3
    with pytest.raises(NotServed, match="in time"):
        held(keeper, "a")
    settings.CHAT_LOAD_SECONDS = 60
    with pytest.raises(NotServed), keeper.lease(Path("a"), lambda: False):
        pass


def test_a_project_is_offered_its_policies(
    project: Project, project_elsewhere: Project, training_folders: None
) -> None:
    make_checkpoint("for_all")
    make_checkpoint("own", project=project)
    make_checkpoint("foreign", project=project_elsewhere)
    make_checkpoint("reward", role=Checkpoint.Role.REWARD)
    assert {name for name, _ in provider().offered(project)} == {"for_all", "own", "demo"}
    assert provider().find(project, "own").label == "Own"
    with pytest.raises(NotServed):
        provider().find(project, "foreign")


def test_one_that_is_not_here_is_fetched(project: Project, training_folders: None) -> None:
    make_checkpoint("hub", status=Checkpoint.Status.REGISTERED)
    with pytest.raises(NotServed, match="being fetched"):
        provider().find(project, "hub")


def test_an_own_checkpoint_is_chatted_with(
    project: Project,
    annotator: User,
    keeper: Keeper,
    settings: Settings,
    training_folders: None,
) -> None:
    """The whole way: the checkpoint is loaded by its own process, and answers twice."""
    settings.SERVE_COMMAND = [sys.executable, "-m", "training.engine.serve"]
    settings.CHAT_LOAD_SECONDS = 120.0
    checkpoint = make_checkpoint("own", project=project)
    make_tiny_llama(checkpoint.folder, seed=0)
    services.add_endpoint(
        project, label="Own", served=("own", "Own"), candidates=2, max_tokens=12, temperature=1.0
    )
    conversation = services.start_conversation(project, annotator)
    turn = services.send_message(conversation, "Yes, no?", "k")
    jobs.carry_out(turn.pk)
    turn.refresh_from_db()
    for _ in range(5):  # a model that knows nothing may end its answer at once
        if "was empty" not in turn.error:
            break
        jobs.carry_out(services.retry_turn(conversation).pk)
        turn.refresh_from_db()
    assert turn.error == ""
    assert thread(conversation).state == "choosing"
    for response in Response.objects.all():
        assert (response.source.slug, response.source.kind) == ("own", "checkpoint")
        assert response.text
        assert response.token_ids is None  # `transformers serve` tells none
    child = keeper.children[checkpoint.folder]
    keeper.end_all()
    assert child.has_ended()
