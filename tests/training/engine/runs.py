"""Run folders for tests: written as the web application writes them, read as it reads them."""

import json
import os
import random
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from training.engine.algorithms import ALGORITHMS
from training.engine.configs import load_config
from training.engine.rundir import RunDir, whole_lines

WORDS = [
    "river",
    "stone",
    "maple",
    "cloud",
    "tiger",
    "lemon",
    "copper",
    "violin",
    "harbor",
    "meadow",
]
REPOSITORY = Path(__file__).parents[3]


def make_row(
    number: int,
    texts: list[str],
    preferences: list[dict[str, float]],
    prompt: str = "Say something.",
    root: str = "",
) -> dict[str, Any]:
    return {
        "group": number,
        "prompt_id": number,
        "root": root or str(number),
        "messages": [{"role": "user", "content": prompt}],
        "responses": [
            {"id": 10 * number + i, "text": text, "source": "test"} for i, text in enumerate(texts)
        ],
        "preferences": preferences,
        "annotations": [number],
    }


def prefer(a: int, b: int, p: float = 1.0, strength: float = 1.0, weight: float = 1.0) -> Any:
    return {"a": a, "b": b, "p": p, "strength": strength, "weight": weight}


def random_rows(count: int, seed: int = 0, responses: int = 2) -> list[dict[str, Any]]:
    """Pairs of random words of varied length; the first response is preferred."""
    draw = random.Random(seed)
    rows = []
    for number in range(1, count + 1):
        texts = [" ".join(draw.choices(WORDS, k=draw.randint(1, 8))) for _ in range(responses)]
        prompt = " ".join(draw.choices(WORDS, k=draw.randint(1, 6)))
        rows.append(make_row(number, texts, [prefer(0, i) for i in range(1, responses)], prompt))
    return rows


def make_run(
    folder: Path,
    algorithm: str,
    models: dict[str, Path],
    config: dict[str, Any],
    **data: Iterable[dict[str, Any]],
) -> Path:
    (folder / "data").mkdir(parents=True)
    for name, rows in data.items():
        lines = "".join(json.dumps(row) + "\n" for row in rows)
        (folder / "data" / f"{name}.jsonl").write_text(lines)
    settings = {
        "run": 1,
        "algorithm": algorithm,
        "config": {"dtype": "float32", **config},
        "models": {name: str(path) for name, path in models.items()},
    }
    (folder / "config.json").write_text(json.dumps(settings))
    return folder


def carry_out(folder: Path, attempt: int = 1) -> list[dict[str, Any]]:
    """Run the engine's body in this process; returns the attempt's events."""
    run = RunDir(folder, attempt)
    settings = run.read_config()
    ALGORITHMS[settings["algorithm"]](load_config(settings["algorithm"], settings["config"]), run)
    return events(folder, attempt)


def start(folder: Path, *options: str, **popen: Any) -> subprocess.Popen[bytes]:
    """Start `python -m training.engine` as the launcher does."""
    return subprocess.Popen(
        [sys.executable, "-m", "training.engine", str(folder), *options],
        cwd=REPOSITORY,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        **popen,
    )


def events(folder: Path, attempt: int = 1, kind: str = "") -> list[dict[str, Any]]:
    found, _ = whole_lines(RunDir(folder, attempt).events_path, 0)
    return [event for event in found if not kind or event["event"] == kind]


def losses(folder: Path, attempts: Iterable[int] = (1,)) -> dict[int, float]:
    """The loss of each step; later attempts win, as in the database."""
    return {
        event["step"]: event["values"]["loss"]
        for attempt in attempts
        for event in events(folder, attempt, "metrics")
        if "loss" in event["values"]
    }


def result(folder: Path, attempt: int = 1) -> dict[str, Any]:
    (event,) = events(folder, attempt, "result")
    metrics: dict[str, Any] = event["metrics"]
    return metrics


def planted_rows(count: int, seed: int, noise: float = 0.0) -> list[dict[str, Any]]:
    """Pairs of which one response holds the word "kindly"; a share `noise` is judged against it.

    "rule" is what the rule says, whatever the judgement: p of the first response.
    """
    draw = random.Random(seed)
    rows = []
    for number in range(1, count + 1):
        texts = [draw.choices(WORDS, k=draw.randint(2, 6)) for _ in range(2)]
        kind = draw.randint(0, 1)
        texts[kind].insert(draw.randint(0, len(texts[kind])), "kindly")
        rule = 1.0 if kind == 0 else 0.0
        judged = 1.0 - rule if draw.random() < noise else rule
        row = make_row(
            seed * 10_000 + number, [" ".join(t) for t in texts], [prefer(0, 1, p=judged)]
        )
        rows.append({**row, "rule": rule})
    return rows
