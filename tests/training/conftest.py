"""Each test has folders of its own, and nothing waits: workers look twenty times a second."""

import pytest

from training import knock


@pytest.fixture(autouse=True)
def _a_place_of_its_own(training_folders: None, quick_ticks: None) -> None:
    pass


@pytest.fixture
def knocks(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The ids of the runs that a worker was told of."""
    heard: list[int] = []
    monkeypatch.setattr(knock, "run_is_queued", heard.append)
    return heard
