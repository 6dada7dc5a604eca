"""`python -m training.engine RUN_DIR [--attempt N] [--supervised]`: carry out one run.

Exit code 0: finished, or ended on request. Else the run failed, and stderr says why.
"""

import argparse
import platform
from importlib.metadata import version
from pathlib import Path

import torch
from transformers.utils import logging

from training.engine import lifeline
from training.engine.algorithms import ALGORITHMS
from training.engine.configs import load_config
from training.engine.fit import Stopped
from training.engine.kernels import library
from training.engine.memory import keep_freed_memory
from training.engine.rundir import RunDir

PACKAGES = ("torch", "transformers", "peft", "safetensors", "tokenizers", "numpy")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m training.engine", description=__doc__)
    parser.add_argument("run_dir", type=Path)
    parser.add_argument("--attempt", type=int, help="default: one more than the last")
    parser.add_argument("--supervised", action="store_true", help="exit when stdin is closed")
    arguments = parser.parse_args()
    if arguments.supervised:
        lifeline.hold()
    keep_freed_memory()
    run = RunDir(arguments.run_dir)
    run.lock()
    run.attempt = arguments.attempt or run.last_attempt() + 1
    versions = {name: version(name) for name in PACKAGES} | {"python": platform.python_version()}
    compiled = "C" if library.load(torch.float32) is not None else "torch: no C compiler here"
    run.emit("versions", values=versions | {"kernels": compiled})
    logging.disable_progress_bar()  # the log is read on a page
    logging.set_verbosity_error()
    settings = run.read_config()
    config = load_config(settings["algorithm"], settings["config"])
    try:
        ALGORITHMS[settings["algorithm"]](config, run)
    except Stopped:  # before there was anything to save
        run.emit("result", metrics={"stopped": True, "step": 0})


if __name__ == "__main__":
    main()
