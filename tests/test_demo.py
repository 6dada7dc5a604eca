"""The demo project, and what each start prepares."""

import re
from io import StringIO
from pathlib import Path

import pytest
from django.contrib.auth import authenticate
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from pytest_django import Settings

from annotation.management.commands import seed_demo
from annotation.models import Item, Membership, Project, Prompt, Response
from training.models import Checkpoint


def seeded() -> dict[str, str]:
    """Seed through the command; the passwords it printed, by name."""
    output = StringIO()
    call_command("seed_demo", stdout=output)
    return dict(re.findall(r"^    (\w+) +(\S+)$", output.getvalue(), re.M))


@pytest.mark.django_db
def test_the_demo_has_pairs_in_both_splits_and_people_who_can_sign_in() -> None:
    passwords = seeded()
    assert list(passwords) == ["researcher", "annotator_1", "annotator_2"]
    assert len(set(passwords.values())) == 3
    project = Project.objects.get(slug="demo")
    roles = dict(project.memberships.values_list("user__username", "role"))
    assert roles == {
        "researcher": Membership.Role.MANAGER,
        "annotator_1": Membership.Role.ANNOTATOR,
        "annotator_2": Membership.Role.ANNOTATOR,
    }
    for name, password in passwords.items():
        assert len(password) >= 16
        assert authenticate(username=name, password=password) is not None
    assert User.objects.get(username="researcher").is_staff
    assert not User.objects.filter(is_superuser=True).exists()
    assert project.items.open().count() >= 30
    splits = list(project.items.order_by("id").values_list("prompt__split", flat=True))
    assert 0.15 <= splits.count(Prompt.Split.TEST) / len(splits) <= 0.45
    assert {"train", "test"} == set(splits[:12])  # a dozen judgements are enough for the tour


@pytest.mark.django_db
def test_demo_pairs_are_clean() -> None:
    seeded()
    for item in Item.objects.prefetch_related("responses"):
        first, second = (response.text for response in item.responses.all())
        assert first.strip() != second.strip()
    for text in Response.objects.values_list("text", flat=True):
        assert 2 <= len(text) <= 1200
        assert "<|" not in text


def questions() -> list[tuple[str, str]]:
    demo = Prompt.objects.filter(project__slug="demo").order_by("pk")
    return list(demo.values_list("content_hash", "split"))


@pytest.mark.django_db
def test_two_demos_have_different_passwords_and_equal_questions() -> None:
    first = seed_demo.seed()
    first_questions = questions()
    Project.objects.update(slug="old")
    for user in User.objects.all():
        User.objects.filter(pk=user.pk).update(username=f"old_{user.username}")
    second = seed_demo.seed()
    assert set(first.values()).isdisjoint(second.values())
    assert questions() == first_questions


@pytest.mark.django_db
def test_a_second_demo_is_refused_and_changes_nothing() -> None:
    seed_demo.seed()
    hashes = list(User.objects.values_list("password", flat=True))
    with pytest.raises(CommandError, match="already"):
        call_command("seed_demo")
    Project.objects.update(slug="old")
    with pytest.raises(CommandError, match="user"):
        call_command("seed_demo")
    assert list(User.objects.values_list("password", flat=True)) == hashes


@pytest.mark.django_db
def test_prepare_seeds_an_empty_database_once(settings: Settings, tmp_path: Path) -> None:
    settings.STATIC_ROOT = tmp_path / "static"
    first, second = StringIO(), StringIO()
    call_command("prepare", stdout=first)
    assert "annotator_1" in first.getvalue()
    assert Checkpoint.objects.get(slug="demo").status == Checkpoint.Status.REGISTERED
    assert (tmp_path / "static").is_dir()
    Project.objects.update(slug="renamed")
    call_command("prepare", stdout=second)
    assert second.getvalue() == ""
    assert list(Project.objects.values_list("slug", flat=True)) == ["renamed"]


@pytest.mark.django_db
def test_prepare_can_leave_the_demo_out(settings: Settings, tmp_path: Path) -> None:
    settings.STATIC_ROOT = tmp_path / "static"
    call_command("prepare", "--no-demo", stdout=StringIO())
    assert not User.objects.exists()
