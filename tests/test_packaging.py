"""One command, containers, pins: what starts Prefloop names only what exists."""

import configparser
import importlib.util
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.core.management import get_commands
from pytest_django import Settings

from config.celery import app as celery_app

ROOT = Path(__file__).resolve().parent.parent
PIN = re.compile(r"[a-z0-9][a-z0-9._-]*==[0-9][0-9a-z.]*")


# --- pins ---------------------------------------------------------------------------------------


def pins() -> dict[str, str]:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    return dict(line.split("==") for line in lines if line and not line.startswith("#"))


def test_constraints_are_plain_pins_that_hold_on_any_machine() -> None:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    kept = [line for line in lines if line and not line.startswith("#")]
    assert [line for line in kept if not PIN.fullmatch(line)] == []
    assert not [name for name in pins() if name.startswith("nvidia") or name in ("torch", "triton")]


def test_every_package_we_name_is_pinned() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    named = project["dependencies"] + project["optional-dependencies"]["test"]
    names = {re.split(r"[\[<>=]", line)[0].lower().replace("_", "-") for line in named}
    assert len(names) > 30
    assert names - set(pins()) == {"torch"}
    assert any(line.startswith("torch==") for line in named)


# --- the same processes everywhere --------------------------------------------------------------


def compose(name: str = "docker-compose.yml") -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((ROOT / name).read_text())
    return loaded


def supervised() -> dict[str, list[str]]:
    """What supervisord starts, without the leash."""
    parser = configparser.RawConfigParser()
    parser.read(ROOT / "supervisord.conf")
    commands = {}
    for section in parser.sections():
        if section.startswith("program:"):
            words = shlex.split(parser.get(section, "command").replace("%%", "%"))
            assert words[:2] == ["%(ENV_PREFLOOP_PYTHON)s", "scripts/leash.py"]
            commands[section.removeprefix("program:")] = ["python", *words[3:]]
    return commands


def contained() -> dict[str, list[str]]:
    """What the containers of our own image run, without what prepares them."""
    commands = {}
    for name, service in compose()["services"].items():
        if service["image"] == "prefloop":
            command = service["command"]
            text = command[-1] if isinstance(command, list) else command
            commands[name] = shlex.split(text.rpartition("&& exec ")[2])
    return commands


def without_address(command: list[str]) -> list[str]:
    if "--bind" not in command:
        return command
    place = command.index("--bind")
    return command[:place] + command[place + 2 :]


def test_containers_run_what_one_machine_runs() -> None:
    one, many = supervised(), contained()
    assert set(one) == set(many) == {"web", "worker", "chat", "train", "beat"}
    for name in one:
        assert without_address(one[name]) == without_address(many[name])


def test_the_image_serves_like_the_web_service() -> None:
    source = (ROOT / "Dockerfile").read_text()
    command = json.loads(
        re.search(r"^CMD (\[.*\])", source, re.M | re.S).group(1).replace("\\\n", "")
    )
    assert command == contained()["web"]


@pytest.mark.parametrize("command", supervised().values(), ids=supervised().keys())
def test_every_process_is_a_module_that_exists(command: list[str]) -> None:
    assert command[:2] == ["python", "-m"]
    assert importlib.util.find_spec(command[2])


def test_every_option_of_gunicorn_and_celery_exists() -> None:
    for command in supervised().values():
        part = ["worker"] if "worker" in command else ["beat"] if "beat" in command else []
        help_text = subprocess.run(
            [sys.executable, "-m", command[2], *part, "--help"],
            cwd=ROOT,
            env=os.environ | {"DJANGO_SETTINGS_MODULE": "config.settings_test"},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        options = {word.partition("=")[0] for word in command if word.startswith("--")} - {"--app"}
        assert {option for option in options if option not in help_text} == set()


def test_a_worker_listens_to_every_queue_that_is_used(settings: Settings) -> None:
    listened = set()
    for command in supervised().values():
        if "--queues" in command:
            listened.add(command[command.index("--queues") + 1])
    used = {route["queue"] for route in settings.CELERY_TASK_ROUTES.values()}
    assert used | {settings.CELERY_TASK_DEFAULT_QUEUE} == listened


def test_beat_sends_tasks_that_exist(settings: Settings) -> None:
    celery_app.loader.import_default_modules()
    for entry in settings.CELERY_BEAT_SCHEDULE.values():
        assert entry["task"] in celery_app.tasks


def test_containers_set_only_variables_that_are_read() -> None:
    source = (ROOT / "config" / "settings.py").read_text()
    read = set(re.findall(r"\benv\.\w+\(\s*\"(\w+)\"", source))
    for name in contained():
        assert set(compose()["services"][name]["environment"]) <= read


def test_the_readme_names_what_compose_wants() -> None:
    readme = (ROOT / "README.md").read_text()
    for name in ("docker-compose.yml", "docker-compose.gpu.yml"):
        asked = set(re.findall(r"\$\{(\w+)", (ROOT / name).read_text()))
        assert {variable for variable in asked if variable not in readme} == set()


def test_with_a_gpu_the_train_service_gets_it_and_cuda() -> None:
    train = compose("docker-compose.gpu.yml")["services"]["train"]
    device = train["deploy"]["resources"]["reservations"]["devices"][0]
    assert (device["driver"], device["capabilities"]) == ("nvidia", ["gpu"])
    assert train["build"]["args"] == {"CUDA": "true"}
    assert re.search(r"^ARG CUDA=", (ROOT / "Dockerfile").read_text(), re.M)


def test_services_wait_for_what_they_need() -> None:
    services = compose()["services"]
    assert set(services) == {"db", "redis", "web", "worker", "chat", "train", "beat"}
    assert set(services["web"]["depends_on"]) == {"db", "redis"}
    for name in ("worker", "chat", "train", "beat"):
        assert services[name]["depends_on"] == {"web": {"condition": "service_healthy"}}
    for name in ("db", "redis", "web"):
        assert services[name]["healthcheck"]["test"]


def compose_program() -> list[str]:
    if shutil.which("docker"):
        asked = subprocess.run(["docker", "compose", "version"], capture_output=True)
        if asked.returncode == 0:
            return ["docker", "compose"]
    return ["docker-compose"] if shutil.which("docker-compose") else []


@pytest.mark.skipif(not compose_program(), reason="neither docker compose nor docker-compose here")
@pytest.mark.parametrize("extra", [[], ["-f", "docker-compose.gpu.yml"]], ids=["plain", "gpu"])
def test_compose_itself_accepts_the_files(extra: list[str]) -> None:
    secrets = {"SECRET_KEY": "k" * 64, "POSTGRES_PASSWORD": "p", "REDIS_PASSWORD": "r"}
    command = [*compose_program(), "-f", "docker-compose.yml", *extra, "config"]
    done = subprocess.run(
        command, cwd=ROOT, env=os.environ | secrets, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    shown = yaml.safe_load(done.stdout)
    assert shown["services"]["web"]["environment"]["SECRET_KEY"] == "k" * 64


def test_the_makefile_has_the_promised_commands() -> None:
    source = (ROOT / "Makefile").read_text()
    for target in ("run", "test", "check", "bench", "soak", "fix"):
        assert re.search(rf"^{target}:", source, re.M), target
    for script in re.findall(r"scripts/\w+\.py", source):
        assert (ROOT / script).exists()


@pytest.mark.parametrize(
    "command",
    ["import_prompts", "import_comparisons", "train", "sample", "export", "seed_demo", "prepare"],
)
def test_the_readme_promises_commands_that_exist(command: str) -> None:
    assert command in get_commands()
