"""A crowd at a real installation: two web processes, killed again and again; nothing is lost."""

import json
import os

import pytest

from benchmarks.installation import run_alone

# Kept small: `make bench` has the full size.
SIZES = {
    "postgresql": ["--items", "40", "--people", "16", "--kills", "4"],
    "sqlite": ["--items", "20", "--people", "8", "--kills", "3"],
}
HASTE = ["--think", "0.3", "--lease", "4"]


@pytest.mark.skipif(not os.path.exists("/proc/self/task"), reason="reads Linux's /proc")
def test_a_crowd_loses_no_answer_while_web_processes_are_killed() -> None:
    server = os.environ.get("TEST_DATABASE_URL", "")
    vendor = "postgresql" if server.startswith("postgres") else "sqlite"
    server = server if vendor == "postgresql" else ""
    done = run_alone("benchmarks.crowd", *SIZES[vendor], *HASTE, server=server, capture=True)
    assert done.returncode == 0, done.stderr[-4000:]
    facts = json.loads(done.stdout.splitlines()[-1])
    print(facts)
    assert facts["database"] == vendor
    assert facts["problems"] == []
    assert facts["server_errors"] == []
    assert facts["items_with_exactly_k_answers"] == facts["items"] > 0
    assert (facts["lost"], facts["stored_wrong"]) == (0, 0)
    assert facts["told_stored"] >= 3 * facts["items"]
    # It was no easy life: else the above would show little.
    assert facts["kills"] >= 3
    assert facts["requests_sent_again"] > 0
    assert facts["did"]["skipped"] > 0
    assert facts["did"]["left"] > 0
