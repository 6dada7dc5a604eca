"""Each test has folders of its own, and nothing waits: workers look twenty times a second."""

from pathlib import Path

import pytest
from pytest_django import Settings

from training import knock, runner


@pytest.fixture(autouse=True)
def _own_folders(settings: Settings, tmp_path: Path) -> None:
    for name in ("RUNS_DIR", "SNAPSHOTS_DIR", "MODELS_DIR"):
        folder = tmp_path / "var" / name.lower()
        folder.mkdir(parents=True)
        setattr(settings, name, folder)


@pytest.fixture(autouse=True)
def _quick_ticks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "TICK_SECONDS", 0.05)


@pytest.fixture
def knocks(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The ids of the runs that a worker was told of."""
    heard: list[int] = []
    monkeypatch.setattr(knock, "run_is_queued", heard.append)
    return heard
