"""An export is one moment of the database, however much is written meanwhile."""

import threading
from pathlib import Path
from typing import Any

import pytest
from django.db import connection, connections

from annotation import services
from annotation.exports import rows, writer
from annotation.models import Project
from tests.builders import make_annotation, make_item, make_member, make_project

pytestmark = pytest.mark.django_db(transaction=True)


def elsewhere(work: Any) -> None:
    """Do it on a connection of its own, as another process would."""

    def run() -> None:
        try:
            work()
        finally:
            connections.close_all()

    thread = threading.Thread(target=run)
    thread.start()
    thread.join(timeout=60)
    assert not thread.is_alive()


@pytest.mark.skipif("sqlite" in connection.vendor, reason="SQLite's test database has one writer")
@pytest.mark.postgres
def test_what_is_answered_while_it_is_written_comes_into_the_next_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = make_project("moment")
    annotator = make_member(project)
    items = [make_item(project) for _ in range(6)]
    for item in items[:4]:
        make_annotation(item, strength=1)
    monkeypatch.setattr(rows, "CHUNK", 2)

    def change_everything() -> None:
        for item in items[4:]:
            make_annotation(item, annotator)
        first = project.items.first()
        assert first is not None
        turn = first.assignments.get()
        answer = {"strength": -3, "both_bad": False}
        services.submit_answer(turn, answer=answer, submit_key="another thought")

    real, told = rows.group_of, []

    def group_of(judged: rows.JudgedItem) -> Any:
        if not told:
            told.append(judged.item.pk)
            elsewhere(change_everything)
        return real(judged)

    monkeypatch.setattr("annotation.exports.trl_preference.group_of", group_of)
    path = tmp_path / "moment.jsonl"
    before = [real(judged) for judged in rows.judged_items(project)]
    manifest = writer.write_export(project, "trl_preference", path)
    assert manifest["rows"] == len(before) == 4
    assert writer.write_export(project, "trl_preference", path)["rows"] == 6


def test_the_connection_writes_again_afterwards(project: Project) -> None:
    with writer.one_moment():
        assert list(rows.judged_items(project)) == []
    assert not connection.in_atomic_block
    make_item(project)  # the connection writes again
    assert project.items.count() == 1


def test_a_failure_inside_ends_the_moment(project: Project) -> None:
    with pytest.raises(RuntimeError, match="inside"), writer.one_moment():
        raise RuntimeError("inside")
    make_item(project)
    assert project.items.count() == 1
