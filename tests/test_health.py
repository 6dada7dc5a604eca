"""/healthz says whether the installation works, and nothing that helps a stranger."""

from pathlib import Path

import pytest
from django.db import DatabaseError
from django.test import Client
from pytest_django import Settings

from config import health


@pytest.mark.django_db
def test_healthz_is_open_and_says_little(client: Client) -> None:
    answer = client.get("/healthz")
    assert answer.status_code == 200
    assert answer.json() == {
        "status": "ok",
        "checks": {"database": "ok", "queue": "ok", "disk": "ok"},
    }
    assert "no-store" in answer["Cache-Control"]
    assert client.post("/healthz").status_code == 405


@pytest.mark.django_db
@pytest.mark.parametrize("part", ["database", "queue", "disk"])
def test_healthz_names_the_part_and_not_the_reason(
    client: Client, monkeypatch: pytest.MonkeyPatch, part: str
) -> None:
    def broken() -> None:
        raise DatabaseError("could not connect to secret-host:5432")

    monkeypatch.setitem(health.CHECKS, part, broken)
    answer = client.get("/healthz")
    assert answer.status_code == 503
    assert answer.json()["checks"][part] == "failed"
    assert "secret-host" not in answer.content.decode()


@pytest.mark.django_db
def test_healthz_sees_a_full_disk_and_a_queue_that_cannot_be_written(
    client: Client, monkeypatch: pytest.MonkeyPatch, settings: Settings, tmp_path: Path
) -> None:
    monkeypatch.setattr(health, "FREE_BYTES", 2**62)
    settings.CELERY_BROKER_TRANSPORT_OPTIONS = {"data_folder_out": str(tmp_path / "gone" / "queue")}
    checks = client.get("/healthz").json()["checks"]
    assert checks == {"database": "ok", "queue": "failed", "disk": "failed"}
