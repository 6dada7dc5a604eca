"""`make run` for real: every process that is killed comes back, and none outlives the end."""

import os
import signal
import time
from pathlib import Path

import pytest

from tests.installation import SIGNS, START_SECONDS, Mains, running, wait_for

BACK_SECONDS = 10  # what decisions promise after a SIGKILL
GONE_SECONDS = 40
pytestmark = [
    pytest.mark.processes,
    pytest.mark.xdist_group("processes"),
    pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="reads Linux's /proc"),
]


def back_seconds() -> float:
    """The promise is for a machine that has nothing else to do; here other tests run beside it."""
    return BACK_SECONDS * max(3.0, os.getloadavg()[0])


def test_what_is_killed_comes_back_and_ctrl_c_leaves_nothing(tmp_path: Path) -> None:
    with running(tmp_path / "var") as installation:
        assert "annotator_1" in installation.said()  # the passwords, on the first start
        wait_for(installation.all_run, START_SECONDS)
        for name in SIGNS:
            before, readiness = installation.mains(), installation.readiness(name)
            os.kill(before[name][0], signal.SIGKILL)

            def is_back(
                name: str = name, before: Mains = before, readiness: int = readiness
            ) -> bool:
                return (
                    installation.mains()[name] != before[name]
                    and installation.readiness(name) > readiness
                    and installation.all_run()
                )

            print(f"{name} was back after {wait_for(is_back, back_seconds()):.1f} s")
            others = {each: pids for each, pids in installation.mains().items() if each != name}
            assert others == {each: before[each] for each in others}, "only what died was started"
        before_all = installation.mains()
        os.kill(installation.supervisor(), signal.SIGKILL)
        wait_for(
            lambda: (
                installation.all_run()
                and not {pid for pids in before_all.values() for pid in pids}
                & set(installation.processes())
            ),
            2 * back_seconds(),
        )
        log = installation.data / "logs" / "worker.log"
        wait_for(lambda: "training.tasks.reconcile" in log.read_text(), 60)  # beat → queue → worker

        installation.process.send_signal(signal.SIGINT)
        assert installation.process.wait(timeout=GONE_SECONDS) == 0
        assert installation.processes() == {}
        assert "Stopped." in installation.said()


def test_a_second_start_is_quick_and_a_killed_parent_takes_all_along(tmp_path: Path) -> None:
    with running(tmp_path / "var") as installation:
        installation.process.send_signal(signal.SIGTERM)
        assert installation.process.wait(timeout=GONE_SECONDS) == 0
    begun = time.monotonic()
    with running(tmp_path / "var") as installation:
        print(f"second start: {time.monotonic() - begun:.1f} s")
        assert "annotator_1" not in installation.said()  # seeded once, passwords shown once
        wait_for(installation.all_run, START_SECONDS)
        os.kill(installation.process.pid, signal.SIGKILL)
        installation.process.wait()
        wait_for(lambda: installation.processes() == {}, GONE_SECONDS)


@pytest.mark.skipif(not os.environ.get("TEST_REDIS_URL"), reason="TEST_REDIS_URL names no server")
def test_it_runs_on_redis_too(tmp_path: Path) -> None:
    with running(tmp_path / "var", os.environ["TEST_REDIS_URL"]) as installation:
        log = installation.data / "logs" / "worker.log"
        wait_for(lambda: "training.tasks.reconcile" in log.read_text(), 60)
        assert installation.is_healthy()
        installation.process.send_signal(signal.SIGINT)
        assert installation.process.wait(timeout=GONE_SECONDS) == 0
        assert installation.processes() == {}
