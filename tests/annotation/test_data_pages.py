"""The pages that take files in and write them out, as a researcher uses them."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from pytest_django import Settings

from annotation import tasks
from annotation.exports import jobs as export_jobs
from annotation.models import Export, ImportBatch, Project
from tests.builders import make_annotation, make_item

pytestmark = pytest.mark.django_db

IMPORTS, EXPORTS = "/projects/demo/imports/", "/projects/demo/exports/"


@pytest.fixture(autouse=True)
def _own_folders(settings: Settings, tmp_path: Path) -> None:
    for name in ("UPLOADS_DIR", "EXPORTS_DIR"):
        folder = tmp_path / name.lower()
        folder.mkdir()
        setattr(settings, name, folder)


@pytest.fixture
def knocks(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int]]:
    """What a worker was told of, in order."""
    heard: list[tuple[str, int]] = []
    monkeypatch.setattr("annotation.knock._send", lambda task, pk: heard.append((task, pk)))
    return heard


@pytest.fixture
def researching(client: Client, researcher: User) -> Client:
    client.force_login(researcher)
    return client


def upload(client: Client, content: bytes, format_slug: str, name: str = "mine.jsonl") -> Any:
    file = SimpleUploadedFile(name, content)
    return client.post(IMPORTS, {"format": format_slug, "file": file})


def test_an_upload_is_read_by_a_worker_while_the_page_looks_on(
    researching: Client,
    project: Project,
    knocks: list[tuple[str, int]],
    django_capture_on_commit_callbacks: Any,
) -> None:
    lines = [{"prompt": "Hi", "chosen": "good", "rejected": "bad"}, {"prompt": "<b>"}]
    content = gzip.compress("\n".join(json.dumps(line) for line in lines).encode())
    with django_capture_on_commit_callbacks(execute=True):
        reply = upload(researching, content, "trl", "../pairs <i>.jsonl.gz")
    batch = ImportBatch.objects.get()
    assert knocks == [("annotation.tasks.run_import", batch.pk)]
    page = f"{IMPORTS}{batch.pk}/"
    assert (reply.status_code, reply["Location"]) == (302, page)
    waiting = researching.get(page).content.decode()
    assert 'hx-trigger="every 2s"' in waiting
    assert "<i>" not in waiting
    tasks.run_import(batch.pk)
    part = researching.get(page, headers={"HX-Request": "true"}).content.decode()
    assert part.lstrip().startswith('<div id="import"')
    assert "hx-trigger" not in part  # it stops by no longer asking
    assert "The field chosen is missing" in part
    assert project.items.count() == 1
    assert "pairs &lt;i&gt;.jsonl.gz" in researching.get(IMPORTS).content.decode()


def test_a_knock_that_was_lost_is_repeated(
    researching: Client,
    knocks: list[tuple[str, int]],
    django_capture_on_commit_callbacks: Any,
    project: Project,
) -> None:
    upload(researching, b'{"prompt": "one"}\n', "prompts")
    export = export_jobs.add_export(project, "raw")
    batch = ImportBatch.objects.get()
    knocks.clear()
    with django_capture_on_commit_callbacks(execute=True):
        tasks.reconcile()
    assert knocks == [
        ("annotation.tasks.run_import", batch.pk),
        ("annotation.tasks.run_export", export.pk),
    ]


def test_an_upload_that_is_too_large_is_refused_and_not_kept(
    researching: Client, settings: Settings
) -> None:
    settings.MAX_UPLOAD_BYTES = 10
    reply = upload(researching, b'{"prompt": "one"}\n', "prompts")
    assert reply.status_code == 422
    assert "No file came, or one larger than 10" in reply.content.decode()
    assert not ImportBatch.objects.exists()
    assert list(Path(settings.UPLOADS_DIR).iterdir()) == []


@pytest.mark.parametrize("data", [{}, {"format": "prompts"}, {"format": "csv"}])
def test_a_form_without_a_file_is_refused(data: dict[str, str], researching: Client) -> None:
    assert researching.post(IMPORTS, data).status_code == 422


def test_rejected_lines_come_in_pages(researching: Client, project: Project) -> None:
    batch = ImportBatch.objects.create(
        project=project,
        kind="prompts",
        format="prompts",
        file_name="x.jsonl",
        status="finished",
        rejected_count=250,
    )
    for line in range(1, 251):
        batch.rejections.create(line=line, reason=f"reason {line}.")
    page = f"{IMPORTS}{batch.pk}/"
    assert "reason 100." in researching.get(page).content.decode()
    last = researching.get(page, {"page": "3"}).content.decode()
    assert "reason 250." in last
    assert "reason 200." not in last
    for odd in ("0", "99", "x"):
        assert researching.get(page, {"page": odd}).status_code == 200


def test_an_export_is_ordered_watched_downloaded_and_deleted(
    researching: Client,
    project: Project,
    knocks: list[tuple[str, int]],
    django_capture_on_commit_callbacks: Any,
    settings: Settings,
) -> None:
    make_annotation(make_item(project))
    make_annotation(make_item(project, sources=["other", "other"]))
    wish = {"format": "raw", "suffix": "jsonl", "sources": ["other"], "since": "2020-01-31"}
    with django_capture_on_commit_callbacks(execute=True):
        assert researching.post(EXPORTS, wish).status_code == 302
    export = Export.objects.get()
    assert export.filters == {"sources": ["other"], "since": "2020-01-31T00:00:00+00:00"}
    assert knocks == [("annotation.tasks.run_export", export.pk)]
    live = researching.get(EXPORTS, headers={"HX-Request": "true"}).content.decode()
    assert 'hx-trigger="every 2s"' in live
    download = f"{EXPORTS}{export.pk}/download/"
    assert researching.get(download).status_code == 404
    tasks.run_export(export.pk)
    assert "hx-trigger" not in researching.get(EXPORTS).content.decode()
    reply = researching.get(download)
    rows = b"".join(reply.streaming_content).splitlines()  # type: ignore[attr-defined]
    assert len(rows) == 1
    assert reply["Content-Disposition"].startswith("attachment")
    assert reply["X-Content-Type-Options"] == "nosniff"
    manifest = researching.get(download, {"part": "manifest"})
    content = b"".join(manifest.streaming_content)  # type: ignore[attr-defined]
    assert json.loads(content)["rows"] == 1
    assert researching.post(f"{EXPORTS}{export.pk}/delete/").status_code == 302
    assert list(Path(settings.EXPORTS_DIR).iterdir()) == []


def test_an_export_that_fails_says_why(
    researching: Client, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    export = export_jobs.add_export(project, "raw")

    def full_disk(*args: object, **kwargs: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(export_jobs, "write_export", full_disk)
    export_jobs.carry_out(export.pk)
    page = researching.get(EXPORTS).content.decode()
    assert "The file cannot be written: No space left on device." in page


def test_a_filter_that_is_none_is_refused(researching: Client) -> None:
    wish = {"format": "raw", "suffix": "jsonl", "origins": ["moon"]}
    assert researching.post(EXPORTS, wish).status_code == 422
    assert not Export.objects.exists()
