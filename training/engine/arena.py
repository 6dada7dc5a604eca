"""Memory for what a forward pass keeps for its backward pass, used again by the next batch.

Batches differ in length, so tensors of their own would leave holes in the heap that the next batch
does not fit; the heap would grow to twice what is needed, and memory that is touched for the first
time costs the system as much as the products that fill it.
"""

import math

import torch
from torch import Tensor

from training.engine.memory import mapped

ALIGN = 64  # bytes: a cache line
RESERVE = 2**36  # bytes of addresses; memory is what is touched of them


class Arena:
    """Tensors handed out one after the other, all given back at once."""

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self.used = 0
        reserved = mapped(RESERVE) if device.type == "cpu" else None
        # Without it, `take` turns to the heap.
        self.buffer = torch.empty(0, dtype=torch.uint8) if reserved is None else reserved

    def begin(self) -> None:
        """Tensors taken before must not be used any more."""
        self.used = 0

    def take(self, *shape: int, dtype: torch.dtype) -> Tensor:
        """A tensor of this shape; of the heap where there is no room left."""
        size = math.prod(shape) * dtype.itemsize
        start = self.used
        if start + size > len(self.buffer):
            return torch.empty(shape, dtype=dtype, device=self.device)
        self.used += -(-size // ALIGN) * ALIGN
        return self.buffer[start : start + size].view(dtype).view(shape)
