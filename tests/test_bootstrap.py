"""What `make run` checks first; every failure is one sentence."""

import importlib.util
import os
import re
import shutil
import socket
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture
def bootstrap() -> ModuleType:
    spec = importlib.util.spec_from_file_location("bootstrap", ROOT / "scripts" / "bootstrap.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_busy_port_is_named_and_another_one_offered(bootstrap: ModuleType) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(bootstrap.Refused, match=rf"Port {port} .* PORT={port + 1}"):
            bootstrap.check_port("127.0.0.1", str(port))
    assert bootstrap.check_port("127.0.0.1", str(port)) == port


@pytest.mark.parametrize("text", ["", "http", "0", "65536", "-1", "8000 ", "８０００"])
def test_a_port_that_is_none_is_refused(bootstrap: ModuleType, text: str) -> None:
    with pytest.raises(bootstrap.Refused, match="PORT must be a number"):
        bootstrap.check_port("127.0.0.1", text)


def test_a_full_disk_is_refused_with_what_is_needed(
    bootstrap: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    usage = shutil.disk_usage(tmp_path)._replace(free=100 * 2**20)
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: usage)
    with pytest.raises(bootstrap.Refused, match=r"0\.1 GiB free, and running needs 0\.5 GiB"):
        bootstrap.check_disk(tmp_path, bootstrap.RUN_BYTES, "running")


def test_a_python_without_venv_is_refused(
    bootstrap: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(bootstrap, "VENV", tmp_path / "venv")
    monkeypatch.setattr(bootstrap, "VENV_PYTHON", tmp_path / "venv" / "bin" / "python")
    monkeypatch.setattr(bootstrap, "INSTALL_BYTES", 0)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(bootstrap.Refused, match="python3-venv"):
        bootstrap.install(test=False)


def test_too_old_a_python_gets_one_sentence() -> None:
    script = (
        "import sys; sys.version_info = (3, 9, 1); "
        "exec(compile(open('scripts/bootstrap.py').read(), 'bootstrap.py', 'exec'))"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 1
    assert re.fullmatch(
        r"Prefloop needs Python 3\.11 or newer, and this is 3\.9\.1\. .*\n", done.stderr
    )


def test_the_sentence_is_all_that_is_printed() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        done = subprocess.run(
            [sys.executable, "scripts/bootstrap.py", "run"],
            cwd=ROOT,
            env=os.environ | {"PORT": str(taken.getsockname()[1])},
            capture_output=True,
            text=True,
        )
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.startswith("Port ")
    assert done.stderr.count("\n") == 1


def test_what_is_installed_is_not_installed_again(
    bootstrap: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    venv = tmp_path / "venv"
    (venv / "bin").mkdir(parents=True)
    (venv / "bin" / "python").touch()
    monkeypatch.setattr(bootstrap, "VENV", venv)
    monkeypatch.setattr(bootstrap, "VENV_PYTHON", venv / "bin" / "python")
    monkeypatch.setattr(bootstrap, "INSTALL_BYTES", 0)
    ran: list[list[str]] = []
    monkeypatch.setattr(bootstrap, "run", lambda command: ran.append(command) or 0)
    bootstrap.install(test=True)
    assert len(ran) == 1
    assert "Django>=5.2.19,<6.0" in ran[0]
    bootstrap.install(test=True)
    bootstrap.install(test=False)  # what the tests need includes what running needs
    assert len(ran) == 1
    monkeypatch.setattr(bootstrap, "requirements", lambda test: ["other==1"])
    bootstrap.install(test=False)
    assert len(ran) == 2


def test_a_failed_installation_leaves_no_stamp(
    bootstrap: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    venv = tmp_path / "venv"
    (venv / "bin").mkdir(parents=True)
    (venv / "bin" / "python").touch()
    monkeypatch.setattr(bootstrap, "VENV", venv)
    monkeypatch.setattr(bootstrap, "VENV_PYTHON", venv / "bin" / "python")
    monkeypatch.setattr(bootstrap, "INSTALL_BYTES", 0)
    monkeypatch.setattr(bootstrap, "run", lambda command: 1)
    with pytest.raises(bootstrap.Refused, match="could not be installed"):
        bootstrap.install(test=False)
    assert not (venv / "installed").exists()


def test_data_lie_where_nobody_else_reads_and_the_key_stays(
    bootstrap: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PREFLOOP_DATA", str(tmp_path / "var"))
    monkeypatch.delenv("SECRET_KEY", raising=False)
    folder = bootstrap.data_folder()
    assert folder.stat().st_mode & 0o777 == 0o700
    key = folder / "secret_key"
    assert key.stat().st_mode & 0o777 == 0o600
    first = key.read_text()
    assert len(first) >= 50
    bootstrap.data_folder()
    assert key.read_text() == first


def test_one_data_folder_serves_once(bootstrap: ModuleType, tmp_path: Path) -> None:
    held = bootstrap.lock_data(tmp_path)
    with pytest.raises(bootstrap.Refused, match=rf"process {os.getpid()}"):
        bootstrap.lock_data(tmp_path)
    held.close()
    bootstrap.lock_data(tmp_path).close()
