"""A real child process that keeps the engine's contract and does only what it is told.

    python scripted_engine.py [--steps 3] [--pause 0] [--fail TEXT] [--samples] [--deaf]
                              [--raw LINE] RUN_DIR --attempt N --supervised

It writes one metric a step and goes on behind the last step of an earlier attempt, as the engine
does from a checkpoint. `--deaf` ignores the stop file and SIGTERM.
"""

import argparse
import signal
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from training.engine import lifeline
from training.engine.rundir import RunDir


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--steps", type=int, default=3)
    parser.add_argument("--pause", type=float, default=0.0)
    parser.add_argument("--fail", default="")
    parser.add_argument("--raw", default="")
    parser.add_argument("--samples", action="store_true")
    parser.add_argument("--deaf", action="store_true")
    parser.add_argument("run_dir")
    parser.add_argument("--attempt", type=int, default=1)
    parser.add_argument("--supervised", action="store_true")
    told = parser.parse_args()

    run = RunDir(told.run_dir, told.attempt)
    run.lock()
    if told.supervised:
        lifeline.hold()
    if told.deaf:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    print(f"attempt {told.attempt} begins", flush=True)
    run.emit("versions", values={"scripted": "1"})
    saved = run.path / "saved"
    first = int(saved.read_text()) + 1 if saved.exists() else 1
    for step in range(first, told.steps + 1):
        run.phase("training", step, told.steps, eta_seconds=told.pause * (told.steps - step))
        run.metrics(step, {"loss": 1 / step, "attempt": float(told.attempt)})
        aside = saved.with_suffix(".new")
        aside.write_text(str(step))
        aside.replace(saved)  # in one step: it may be killed at any moment
        time.sleep(told.pause)
        if run.stop_requested() and not told.deaf:
            run.emit("result", metrics={"stopped": True})
            return
    if told.raw:
        with run.events_path.open("a") as events:
            events.write(told.raw)
    if told.fail:
        raise RuntimeError(told.fail)
    if told.samples:
        answer(run)
    elif run.read_config()["algorithm"] != "sample":
        finish(run, told.steps)
    run.emit("result", metrics={"loss": 1 / told.steps})


def answer(run: RunDir) -> None:
    for row in run.rows("prompts"):
        for index in range(row["n"]):
            run.emit(
                "sample",
                step=0,
                prompt_id=row["prompt_id"],
                model=row["model"],
                index=index,
                text=f"{row['model']} says {index} on {row['prompt_id']}",
                token_ids=[1, 2, 3],
                logprob=-4.5,
                is_truncated=False,
            )


def finish(run: RunDir, step: int) -> None:
    folder = run.checkpoints_dir / "final" / "model"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text('{"model_type": "llama"}')
    (folder / "model.safetensors").write_bytes(b"weights" * 1000)
    run.emit(
        "checkpoint",
        step=step,
        path="checkpoints/final",
        role="reward" if run.read_config()["algorithm"] == "reward" else "policy",
        is_final=True,
        is_adapter=False,
        sha256="0" * 64,
        size_bytes=7000,
    )


if __name__ == "__main__":
    main()
