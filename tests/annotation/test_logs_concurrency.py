"""The same records sent by several at once are stored once, and counted by each."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from django.db import connection

from annotation import services
from annotation.models import LogRecord, LogTally, Prompt, Response
from tests.builders import make_project

pytestmark = pytest.mark.django_db(transaction=True)

SENDERS = 6


def test_what_several_send_at_once_is_stored_once() -> None:
    if connection.vendor != "postgresql":
        pytest.skip("a database in memory belongs to one thread")
    project = make_project("demo")
    services.set_log_policy(project, is_on=True, skip_near=True)
    raw: list[dict[str, Any]] = [
        {
            "id": f"req_{number}",
            "model": "assistant-2",
            "messages": [{"role": "user", "content": f"{number * 7919} ways to bake bread?"}],
            "response": f"Number {number} says so.",
        }
        for number in range(20)
    ]
    alone = Barrier(SENDERS)

    def send(_: int) -> list[str]:
        alone.wait()
        try:
            return [each.outcome for each in services.take_records(project, raw)]
        finally:
            connection.close()

    with ThreadPoolExecutor(SENDERS) as senders:
        said = [each for sent in senders.map(send, range(SENDERS)) for each in sent]
    stored = said.count("stored")
    assert stored == LogRecord.objects.count() == Prompt.objects.count() == Response.objects.count()
    tallies = dict(LogTally.objects.values_list("name", "count"))
    assert tallies["received"] == len(said) == SENDERS * len(raw)
    assert tallies["stored"] == stored > 0
    assert tallies["duplicate"] == len(said) - stored
