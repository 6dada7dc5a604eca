"""Memory for what a forward pass keeps for its backward pass, used again by the next batch.

Batches differ in length, so tensors of their own would leave holes in the heap that the next batch
does not fit; the heap would grow to twice what is needed, and memory that is touched for the first
time costs the system as much as the products that fill it.
"""

import math
import mmap
import sys

import torch
from torch import Tensor

ALIGN = 64  # bytes: a cache line
RESERVE = 2**36  # bytes of addresses; memory is what is touched of them
MAP_NORESERVE = 0x4000 if sys.platform == "linux" else 0  # mman.h; not in Python 3.11's mmap


class Arena:
    """Tensors handed out one after the other, all given back at once."""

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self.used = 0
        self.buffer = torch.empty(0, dtype=torch.uint8)
        if device.type == "cpu":
            flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | MAP_NORESERVE
            try:
                addresses = mmap.mmap(-1, RESERVE, flags=flags)
            except OSError:  # a limit on them: `take` turns to the heap
                return
            self.buffer = torch.frombuffer(addresses, dtype=torch.uint8)

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
