"""How this process gets memory from the system.

Touching memory for the first time is dear: the system clears it page by page, and on a virtual
machine a step over fresh memory takes half as long again. So what is freed is kept, and large
buffers lie in large pages where the system has them.
"""

import contextlib
import ctypes
import mmap
import sys

import torch
from torch import Tensor

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # malloc.h
MAP_NORESERVE = 0x4000 if sys.platform == "linux" else 0  # mman.h; not in Python 3.11's mmap


def keep_freed_memory() -> None:
    """Keep memory that was freed instead of returning it at once (glibc only; else nothing).

    A step frees and asks for the same large tensors as the step before. By default each of them is
    mapped anew, and the kernel clears its pages again: a tenth of a step's time.
    """
    if sys.platform == "linux":
        mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
        if mallopt is not None:
            mallopt(M_MMAP_THRESHOLD, 2**30)
            mallopt(M_TRIM_THRESHOLD, -1)


def mapped(size: int) -> Tensor | None:
    """`size` zero bytes of addresses, (size,) uint8, which take memory where they are touched;
    None where the system gives no such."""
    try:
        flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | MAP_NORESERVE
        addresses = mmap.mmap(-1, size, flags=flags)
    except OSError:  # a limit on them
        return None
    if hasattr(mmap, "MADV_HUGEPAGE"):
        with contextlib.suppress(OSError):  # a kernel without large pages
            addresses.madvise(mmap.MADV_HUGEPAGE)
    return torch.frombuffer(addresses, dtype=torch.uint8)


def zeros_like(x: Tensor) -> Tensor:
    """Zeros as many as in `x` (n,), of its dtype, on its device."""
    size = x.numel() * x.dtype.itemsize
    memory = mapped(size) if x.device.type == "cpu" and size else None
    return torch.zeros_like(x) if memory is None else memory.view(x.dtype)
