"""Products of matrices in C (products.c), for AVX2 and AVX-512; engine/products.py says when."""

import torch
from torch import Tensor

from training.engine.kernels.library import Address, Argument, call, load


def multiplies(dtype: torch.dtype) -> bool:
    """Whether `multiply` is there for this dtype: it is written for AVX2."""
    found = load(dtype)
    return found is not None and hasattr(found, "multiply")


def multiply(a: Tensor, b: Tensor, out: Tensor, add: bool) -> None:
    """out = a b, or += that, summed in float32: (m, k), (k, n) → (m, n), none empty, all bfloat16
    or all float32. `a` and `b` may have any strides, the rows of `out` gaps."""
    sizes = (*a.shape, *b.shape, *out.shape)
    if 0 in sizes or sizes != (len(out), len(b), len(b), *out.shape[1:], *out.shape):
        raise ValueError(f"these are no matrices to multiply: {a.shape}, {b.shape}, {out.shape}")
    if not a.dtype == b.dtype == out.dtype or out.stride(1) != 1:
        raise ValueError("the product of matrices of one dtype only, into whole rows only")
    first, second, into = (Address(x.data_ptr()) for x in (a, b, out))  # they may lie apart
    laid: tuple[Argument, ...] = (first, *a.stride(), second, *b.stride(), into, out.stride(0))
    call("multiply", out.dtype, *out.shape, len(b), *laid, int(add))
