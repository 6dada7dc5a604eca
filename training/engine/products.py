"""Matrix products of a processor, by what is fastest there.

A kernel of our own (kernels/products.c) multiplies where torch leaves a fifth to a half of a
processor's speed unused: float32 where that has AVX2 but no AVX-512, which MKL is slow on, and
bfloat16 on Intel's processors without tiles (AMX). Their instruction for it does half the work of
float32's, which ours widens to; torch's library, oneDNN, goes by what there is.

In bfloat16, oneDNN (as in torch 2.13) shares a product on AMX tiles out in blocks, and with two
threads one of them gets nothing to do at some heights: narrow results then take twice as long as
they must. Cut into lower pieces they do not. Measured heights are in `IDLE`; elsewhere, and on any
other machine, a product is left whole.
"""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from training.engine.kernels import products as kernel
from training.engine.kernels.library import processor

Product = Callable[[Tensor], Tensor]

IDLE = (  # results up to so wide; heights between which a thread idles
    (640, 560, 1280),
    (1024, 1050, 1550),
)
DEEP = 2048  # a sum over more terms idles earlier and wants lower pieces
PIECE, DEEP_PIECE, DEEP_FROM = 448, 256, 300  # rows

HAS_TILES = torch.cpu._is_amx_tile_supported()
HAS_BFLOAT16 = torch.cpu._is_avx512_bf16_supported() or HAS_TILES

NARROWEST, LEAST = 8, 2**21  # below this side, or so many multiplications, torch is faster
SLIM = 32  # fewer rows than this, and a weight laid out beforehand is read faster


def ours() -> frozenset[torch.dtype]:
    """What our own kernel is the faster one for; only there was it measured, with two threads.

    float32: AMD Zen 3, against MKL 2024.2, 1.1 to 1.7 times as fast. bfloat16: an Intel Xeon of the
    fifth generation whose tiles are hidden from its guests, against oneDNN 3.12, 1.6 times as fast.
    """
    found = set()
    if torch.backends.cpu.get_cpu_capability() == "AVX2":
        found.add(torch.float32)
    if HAS_BFLOAT16 and not HAS_TILES and "GenuineIntel" in processor():
        found.add(torch.bfloat16)
    return frozenset(found)


OURS = ours()


def product(x: Tensor, w: Tensor, out: Tensor | None = None) -> Tensor:
    """x W, written into `out` if that is given: (N, k), (k, n) → (N, n)."""
    out = x.new_empty(len(x), w.shape[1]) if out is None else out
    step = max(len(x), 1)
    if HAS_TILES and x.dtype == torch.bfloat16 and x.device.type == "cpu":
        step = piece(step, *w.shape) if torch.get_num_threads() == 2 else step
    for start in range(0, len(x), step):
        multiply(x[start : start + step], w, out[start : start + step])
    return out


def multiply(a: Tensor, b: Tensor, out: Tensor, add: bool = False) -> None:
    """out = a b or, with `add`, out += a b: (m, k), (k, n) → (m, n)."""
    if is_ours(a, b, out):
        kernel.multiply(a, b, out, add)
    elif add:
        out.addmm_(a, b)
    else:
        torch.mm(a, b, out=out)


def is_ours(a: Tensor, b: Tensor, out: Tensor) -> bool:
    """Whether our own kernel is the faster one for this product."""
    (m, k), n = a.shape, b.shape[1]
    return (
        out.dtype in OURS
        and out.device.type == "cpu"
        and min(m, k, n) >= NARROWEST
        and m * k * n >= LEAST
        and kernel.multiplies(out.dtype)
    )


def piece(rows: int, depth: int, width: int) -> int:
    """How many rows to multiply at a time: pieces are equal, so that none is left over."""
    for widest, lowest, highest in IDLE:
        if width <= widest:
            lowest, limit = (DEEP_FROM, DEEP_PIECE) if depth > DEEP else (lowest, PIECE)
            if lowest < rows < highest:
                return -(-rows // -(-rows // limit))
            break
    return rows


def packed(weight: Tensor, rows: int) -> Product:
    """x → x Wᵀ, with W laid out once as the product reads it, for about `rows` rows.

    Only bfloat16 has such a layout (oneDNN's), on a processor that computes in it. The result is
    that of `product`.
    """
    has_layout = HAS_BFLOAT16 and weight.dtype == torch.bfloat16
    if weight.device.type != "cpu":
        return lambda x: F.linear(x, weight)
    if weight.dtype in OURS and not (has_layout and rows < SLIM):
        return lambda x: product(x, weight.t())
    if has_layout:
        laid_out = torch.ops.mkldnn._reorder_linear_weight(weight, rows)
        return lambda x: torch.ops.mkldnn._linear_pointwise(x, laid_out, None, "none", [], "")
    return lambda x: F.linear(x, weight)
