"""People of every kind, and a project with a second one beside it that nobody should reach."""

from pathlib import Path

import hypothesis
import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.core.cache import caches
from pytest_django import Settings

from annotation.models import Membership, Project
from tests.builders import PASSWORD, make_member, make_project
from training import runner

# How long an example takes is for benchmarks: here other tests run beside it.
hypothesis.settings.register_profile("tests", deadline=None)
hypothesis.settings.load_profile("tests")


@pytest.fixture(autouse=True)
def _empty_caches() -> None:
    """Rate limits and counts are kept there: no test inherits another's."""
    for name in settings.CACHES:
        caches[name].clear()


@pytest.fixture
def project(db: None) -> Project:
    return make_project("demo", guideline="Choose the more helpful response.")


@pytest.fixture
def project_elsewhere(db: None) -> Project:
    return make_project("elsewhere")


@pytest.fixture
def annotator(project: Project) -> User:
    return make_member(project, Membership.Role.ANNOTATOR, "annotator")


@pytest.fixture
def annotator_elsewhere(project_elsewhere: Project) -> User:
    return make_member(project_elsewhere, Membership.Role.ANNOTATOR, "annotator_elsewhere")


@pytest.fixture
def researcher(project: Project) -> User:
    return make_member(project, Membership.Role.RESEARCHER, "researcher")


@pytest.fixture
def researcher_elsewhere(project_elsewhere: Project) -> User:
    return make_member(project_elsewhere, Membership.Role.RESEARCHER, "researcher_elsewhere")


@pytest.fixture
def manager(project: Project) -> User:
    return make_member(project, Membership.Role.MANAGER, "manager")


@pytest.fixture
def admin(db: None) -> User:
    return User.objects.create_superuser("admin", password=PASSWORD)


@pytest.fixture
def training_folders(settings: Settings, tmp_path: Path) -> None:
    """Runs, snapshots and models lie in folders of this test."""
    for name in ("RUNS_DIR", "SNAPSHOTS_DIR", "MODELS_DIR"):
        folder = tmp_path / "var" / name.lower()
        folder.mkdir(parents=True)
        setattr(settings, name, folder)


@pytest.fixture
def quick_ticks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers look at their run twenty times a second."""
    monkeypatch.setattr(runner, "TICK_SECONDS", 0.05)
