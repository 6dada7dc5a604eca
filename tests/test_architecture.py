"""The rules of ARCHITECTURE.md that a test can hold."""

import ast
import os
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from annotation import exports
from annotation.task_types import TASK_TYPES
from training.engine.configs import ALGORITHMS

ROOT = Path(__file__).resolve().parent.parent
OURS = ("annotation", "training", "config")
DJANGO = "import django; django.setup()"
WEB = (
    f"{DJANGO}; import config.urls, config.wsgi, config.celery; "
    "import annotation.tasks, training.tasks, training.views, training.runner, training.registry; "
    "import training.serving"
)
ENGINE = (
    "import training.engine.__main__, training.engine.convert, training.engine.download, "
    "training.engine.serve, "
    "training.engine.algorithms.reward, training.engine.algorithms.dpo, "
    "training.engine.algorithms.sample"
)
MEETING = "import training.engine.configs, training.engine.rundir"
TORCH_SIDE = ("torch", "transformers", "peft", "accelerate", "safetensors")
DJANGO_SIDE = ("django", "celery", "rest_framework", "annotation", "config")


def modules(*folders: str) -> Iterator[Path]:
    for folder in folders:
        for path in sorted((ROOT / folder).rglob("*.py")):
            if "migrations" not in path.parts:
                yield path


@pytest.mark.parametrize(
    ("load", "must_not_load"),
    [
        pytest.param(WEB, TORCH_SIDE, id="the web never loads torch"),
        pytest.param(ENGINE, DJANGO_SIDE, id="the engine never loads Django"),
        pytest.param(MEETING, TORCH_SIDE + DJANGO_SIDE, id="where they meet is plain Python"),
    ],
)
def test_neither_side_loads_the_other(load: str, must_not_load: tuple[str, ...]) -> None:
    check = f"import sys; {load}; print(*({set(must_not_load)!r} & set(sys.modules)))"
    environment = os.environ | {"DJANGO_SETTINGS_MODULE": "config.settings_test"}
    done = subprocess.run(
        [sys.executable, "-c", check], cwd=ROOT, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == []


def hits(pattern: str, paths: Iterable[Path], flags: int = 0) -> list[str]:
    """Where the pattern stands, as file:line."""
    found = []
    for path in paths:
        source = path.read_text()
        for match in re.finditer(pattern, source, flags):
            line = source.count("\n", 0, match.start()) + 1
            found.append(f"{path.relative_to(ROOT)}:{line}")
    return found


def test_nothing_is_imported_inside_a_function() -> None:
    hidden = [
        f"{path.relative_to(ROOT)}:{inner.lineno}"
        for path in modules(*OURS)
        for outer in ast.walk(ast.parse(path.read_text()))
        if isinstance(outer, ast.FunctionDef | ast.AsyncFunctionDef)
        for inner in ast.walk(outer)
        if isinstance(inner, ast.Import | ast.ImportFrom)
    ]
    assert hidden == []


def test_what_answers_requests_reaches_rows_through_services_and_queries_only() -> None:
    names = ("views", "api", "forms", "urls")
    doors = [
        path
        for path in modules(*OURS)
        if path.stem.startswith(names) or "templatetags" in path.parts
    ]
    assert len(doors) > 5
    assert hits(r"\.objects\b", doors) == []


def test_every_module_can_be_read_in_one_sitting() -> None:
    lengths = {path: len(path.read_text().splitlines()) for path in modules(*OURS)}
    assert {str(path): length for path, length in lengths.items() if length > 600} == {}


def test_there_are_no_signals() -> None:
    assert hits(r"django\.dispatch|django\.(db\.models|core)\.signals", modules(*OURS)) == []


def listed_and_there(package: Path, apart_from: set[str]) -> set[str]:
    return {path.stem for path in package.glob("*.py")} - apart_from - {"__init__"}


def test_every_task_type_is_listed() -> None:
    assert listed_and_there(ROOT / "annotation" / "task_types", {"contract"}) == set(TASK_TYPES)


def test_every_export_is_listed() -> None:
    inner = {"filters", "merging", "rows", "jobs", "writer"}
    assert listed_and_there(ROOT / "annotation" / "exports", inner) == set(exports.EXPORTS)


def test_every_algorithm_is_listed() -> None:
    there = listed_and_there(ROOT / "training" / "engine" / "algorithms", set())
    assert there == set(ALGORITHMS)


TEMPLATES = sorted((ROOT / "templates").rglob("*.html"))
BLOCKED = (
    r"<script(?![^>]*\bsrc=)(?![^>]*type=\"application/json\")[^>]*>"  # inline script
    r"|<style\b|\sstyle\s*="  # inline style
    r"|\son[a-z]+\s*=\s*[\"']|hx-on|[\"']\s*javascript:"  # handlers
)


def test_templates_hold_nothing_that_the_content_security_policy_would_block() -> None:
    assert len(TEMPLATES) > 10
    assert hits(BLOCKED, TEMPLATES, re.IGNORECASE) == []


def test_templates_trust_no_text() -> None:
    assert hits(r"\|\s*safe(seq)?\b|autoescape off", TEMPLATES) == []


def test_only_the_renderer_marks_text_as_safe() -> None:
    marking = hits(r"\bmark_safe\b|\bSafeString\(", modules(*OURS))
    assert {place.partition(":")[0] for place in marking} <= {"annotation/rendering.py"}


def test_the_readme_names_every_variable() -> None:
    source = (ROOT / "config" / "settings.py").read_text()
    bootstrap = (ROOT / "scripts" / "bootstrap.py").read_text()
    variables = set(re.findall(r"\benv\.\w+\(\s*\"(\w+)\"", source))
    variables |= set(re.findall(r"environ(?:\.get\(|\[)\"(\w+)\"", source + bootstrap))
    assert len(variables) > 10
    readme = (ROOT / "README.md").read_text()
    assert {name for name in variables if f"`{name}`" not in readme} == set()
