"""The tiny model, made once, and one thread: the same sums in the same order everywhere."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from tests.training.engine.tiny import make_tiny_llama


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_llama(tmp_path_factory.mktemp("tiny"), seed=0)


@pytest.fixture(scope="session")
def other_tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same shape and tokenizer with other weights."""
    return make_tiny_llama(tmp_path_factory.mktemp("other"), seed=1)
