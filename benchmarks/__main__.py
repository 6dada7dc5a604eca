"""`make bench [DATA=FILE]`: what is claimed about speed, measured.

    dpo, reward   pairs a second, peak memory; full tuning of the same model on the same pairs
    sample        tokens a second up to the end of each response
    crowd         50 annotators over HTTP while web processes are killed: no answer is lost
    queue         the next item and the answer over HTTP in a project of a million items
    agreement     the agreement page of a million judgements
    bias          the bias page and the leaderboard of as many
    soft_labels   what a reward model gains by soft labels over majority votes

`crowd`, `queue`, `agreement` and `bias` need a PostgreSQL server: the one that BENCH_DATABASE_URL
names, or one on this machine that trusts the user `postgres`. `crowd` runs on SQLite too.

The engine's against TRL 1.16 and transformers, in one run: both sides in processes of their own, in
turns, on the same threads. First in float32, a few steps, to show that both compute the same; then
for the clock, in bfloat16 where the processor computes in it, else in float32: the rival's best
either way. Ratios are of medians. The targets are meant for bfloat16.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import call_command

from benchmarks.installation import run_alone, server_url
from benchmarks.workload import make_workload
from training import registry
from training.engine.configs import TrainConfig
from training.engine.modeling import load_reward, resolve_dtype

ENGINE_TASKS = ("dpo", "reward", "sample")
SERVER_TASKS = ("crowd", "queue", "agreement", "bias")
SIMULATIONS = ("soft_labels",)
TASKS = ENGINE_TASKS + SERVER_TASKS + SIMULATIONS
SIDES = ("benchmarks.ours", "benchmarks.rival_trl")


def main() -> None:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    # argparse holds the default against the choices, too
    parser.add_argument("tasks", nargs="*", choices=[[], *TASKS], default=[], metavar="TASK")
    parser.add_argument(
        "--data", type=Path, help="a preference file (HH or TRL); default: generated"
    )
    parser.add_argument("--model", type=Path, help="a model folder; default: the demo model")
    parser.add_argument("--pairs", type=int, default=80)
    parser.add_argument("--batch-size", type=int, default=4)
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--exact-steps", type=int, default=20, help="float32 steps to compare")
    parser.add_argument("--dtype", choices=TrainConfig.DTYPES, default="auto", help="for the clock")
    options = parser.parse_args()
    tasks = options.tasks or TASKS
    if set(tasks) & set(ENGINE_TASKS):
        model = options.model or demo_model()
        with tempfile.TemporaryDirectory() as folder:
            bench = Bench(options, model, Path(folder))
            for task in tasks:
                if task in ENGINE_TASKS:
                    getattr(bench, task)()
    for task in tasks:
        if task in SERVER_TASKS:
            measure_on_server(task)
        elif task in SIMULATIONS:
            subprocess.run([sys.executable, "-m", f"benchmarks.{task}"], check=True)


def measure_on_server(task: str) -> None:
    server = server_url()
    if server:
        run_alone(f"benchmarks.{task}", server=server).check_returncode()
    else:
        print(f"{task}: left out: no PostgreSQL server, see BENCH_DATABASE_URL.", flush=True)
    if task == "crowd":
        run_alone("benchmarks.crowd", "--people", "16", server="").check_returncode()


def demo_model() -> Path:
    folder = settings.MODELS_DIR / "demo"
    if not (folder / "config.json").exists():
        print("Fetching the demo model …", flush=True)
        call_command("migrate", verbosity=0)  # of a database in memory: see workload.py
        registry.fetch_demo_model()
    return Path(folder)


class Bench:
    def __init__(self, options: argparse.Namespace, model: Path, folder: Path) -> None:
        self.options, self.model, self.folder = options, model, folder
        self.workload = make_workload(model, options.data, options.pairs, options.batch_size)
        self.dtype = str(resolve_dtype(options.dtype)).removeprefix("torch.")
        self.common = {"threads": options.threads, "batch_size": options.batch_size}
        tokens = [(len(p), len(c), len(r)) for batch in self.workload.batches for p, c, r in batch]
        means = [statistics.fmean(column) for column in zip(*tokens, strict=True)]
        print(
            f"{self.workload.pairs} pairs, {len(self.workload.batches)} batches of "
            f"{options.batch_size}; mean tokens: prompt {means[0]:.0f}, responses "
            f"{means[1]:.0f} and {means[2]:.0f}; {options.threads} threads; model {model.name}; "
            f"{self.dtype} for the clock"
        )

    # --- what is measured ------------------------------------------------------------------------

    def dpo(self) -> None:
        self.training("dpo", self.model, learning_rate=1e-6, target=5.0)

    def reward(self) -> None:
        start = self.folder / "reward"
        load_reward(self.model, "float32", seed=0).save_model(start)  # one head for both sides
        self.training("reward", start, learning_rate=1e-5, target=2.5)

    def sample(self) -> None:
        prompts = [prompt for batch in self.workload.batches for prompt, _, _ in batch]
        for equal, limit, target in ((False, 256, 1.6), (True, 64, 1.2)):
            work = {
                **self.common,
                "model": str(self.model),
                "dtype": self.dtype,
                "prompts": prompts,
                "max_new_tokens": limit,
                "batch_size": 16,
                "equal": equal,
            }
            ours, theirs = self.take_turns("sample", work)
            name = "sampling, equal lengths" if equal else "sampling, varied lengths"
            rates = [[r["tokens"] / r["seconds"] for r in side] for side in (ours, theirs)]
            self.report(name, "tokens/s", rates, target)

    def training(self, task: str, model: Path, learning_rate: float, target: float) -> None:
        work = {**self.common, "model": str(model), "learning_rate": learning_rate}
        batches = self.workload.batches
        exact = {**work, "dtype": "float32", "batches": batches[: self.options.exact_steps]}
        ours, theirs = (self.run(side, task, exact) for side in SIDES)
        gap = largest_gap(ours["losses"], theirs["losses"])
        steps = len(ours["losses"])
        print(f"{task}: float32, {steps} steps: losses differ by at most {gap:.1e}", flush=True)
        if "logprobs" in ours:
            padded = self.run(SIDES[0], "padded", exact)
            in_float64 = self.run(SIDES[1], "exact", exact)
            self.compare_logprobs(task, padded, ours, theirs, in_float64)
        timed = {**work, "dtype": self.dtype, "batches": batches}
        us, them = self.take_turns(task, timed)
        pairs = self.workload.pairs
        rates = [[pairs / r["seconds"] for r in side] for side in (us, them)]
        self.report(task, "pairs/s", rates, target)
        last = batches[-max(1, len(batches) // 4) :]
        name = f"mean loss of the last {len(last)} steps"
        if steps == len(batches):
            ends = [statistics.fmean(side["losses"][-len(last) :]) for side in (ours, theirs)]
            self.compare(f"{task}: float32, {name}", ends)
        ends = [statistics.fmean(side[-1]["losses"][-len(last) :]) for side in (us, them)]
        self.compare(f"{task}: {self.dtype}, {name}", ends)
        final = {**exact, "kind": task, "batches": last}
        ends = [
            self.run(SIDES[0], "loss", {**final, "final": self.final(side)})["loss"]
            for side in SIDES
        ]
        self.compare(
            f"{task}: trained in {self.dtype}, final loss on these batches in float32", ends
        )
        peaks = [max(r["peak_gib"] for r in side) for side in (us, them)]
        print(
            f"{task}: peak memory {peaks[0]:.2f} GiB against {peaks[1]:.2f} GiB: "
            f"{100 * peaks[0] / peaks[1]:.0f} %"
        )

    def compare_logprobs(self, task: str, *sides: dict[str, Any]) -> None:
        padded, trees, theirs, exact = (flatten(side["logprobs"]) for side in sides)
        print(
            f"{task}: float32, summed log-probabilities differ from TRL's by at most "
            f"{largest_gap(padded, theirs):.1e} in padded rows, which is how TRL's lie, and by "
            f"{largest_gap(trees, theirs):.1e} in trees, whose sums have another order; from those "
            f"in float64 padded rows differ by {largest_gap(padded, exact):.1e}, trees by "
            f"{largest_gap(trees, exact):.1e}, TRL's by {largest_gap(theirs, exact):.1e}",
            flush=True,
        )

    # --- how -------------------------------------------------------------------------------------

    def take_turns(self, task: str, work: dict[str, Any]) -> list[list[dict[str, Any]]]:
        results: list[list[dict[str, Any]]] = [[], []]
        for _ in range(self.options.repeats):
            for number, side in enumerate(SIDES):
                results[number].append(self.run(side, task, work))
        return results

    def final(self, side: str) -> str:
        """Where a side leaves the weights it has trained."""
        return str(self.folder / f"final-{side}")

    def run(self, side: str, task: str, work: dict[str, Any]) -> dict[str, Any]:
        path = self.folder / "work.json"
        path.write_text(json.dumps({**work, "save": self.final(side)}))
        environment = os.environ | {"OMP_NUM_THREADS": str(self.options.threads)}
        done = subprocess.run(
            [sys.executable, "-m", side, task, str(path)],
            check=False,
            env=environment,
            capture_output=True,
            text=True,
        )
        if done.returncode:
            sys.exit(f"{side} {task} failed:\n{done.stderr[-4000:]}")
        result: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
        return result

    def compare(self, name: str, losses: list[float]) -> None:
        ours, theirs = losses
        difference = 100 * (ours / theirs - 1)
        print(f"{name}: ours {ours:.5f}, TRL {theirs:.5f} ({difference:+.2f} %)", flush=True)

    def report(self, name: str, unit: str, rates: list[list[float]], target: float) -> None:
        ours, theirs = rates
        ratio = statistics.median(ours) / statistics.median(theirs)
        every = " | ".join(", ".join(f"{rate:.2f}" for rate in side) for side in (ours, theirs))
        print(
            f"{name}: {statistics.median(ours):.2f} against {statistics.median(theirs):.2f} "
            f"{unit}: {ratio:.2f}× (target {target}×)   all: {every}",
            flush=True,
        )


def flatten(nested: Any) -> list[float]:
    if isinstance(nested, list):
        return [number for part in nested for number in flatten(part)]
    return [nested]


def largest_gap(ours: list[float], theirs: list[float]) -> float:
    return max(abs(a - b) for a, b in zip(ours, theirs, strict=True))


if __name__ == "__main__":
    main()
