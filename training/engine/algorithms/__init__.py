"""The algorithms, by the name that `training/engine/configs.py` lists them under."""

from collections.abc import Callable
from typing import Any

from training.engine.algorithms import dpo, reward, sample
from training.engine.rundir import RunDir

ALGORITHMS: dict[str, Callable[[Any, RunDir], None]] = {
    "reward": reward.train,
    "dpo": dpo.train,
    "sample": sample.train,
}
