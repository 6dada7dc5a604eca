"""Matrix products x W of a processor, cut by rows where that occupies all of its threads.

oneDNN (as in torch 2.13) shares a bfloat16 product on AMX tiles out in blocks, and with two threads
one of them gets nothing to do at some heights: narrow results then take twice as long as they must.
Cut into lower pieces they do not. Measured heights are in `IDLE`; elsewhere, and on any other
machine, a product is left whole.
"""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

Product = Callable[[Tensor], Tensor]

IDLE = (  # results up to so wide; heights between which a thread idles
    (640, 560, 1280),
    (1024, 1050, 1550),
)
DEEP = 2048  # a sum over more terms idles earlier and wants lower pieces
PIECE, DEEP_PIECE, DEEP_FROM = 448, 256, 300  # rows

HAS_TILES = torch.cpu._is_amx_tile_supported()
HAS_BFLOAT16 = torch.cpu._is_avx512_bf16_supported() or HAS_TILES


def product(x: Tensor, w: Tensor, out: Tensor | None = None) -> Tensor:
    """x W, written into `out` if that is given: (N, k), (k, n) → (N, n)."""
    out = x.new_empty(len(x), w.shape[1]) if out is None else out
    step = max(len(x), 1)
    if HAS_TILES and x.dtype == torch.bfloat16 and x.device.type == "cpu":
        step = piece(step, *w.shape) if torch.get_num_threads() == 2 else step
    for start in range(0, len(x), step):
        torch.mm(x[start : start + step], w, out=out[start : start + step])
    return out


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
    if HAS_BFLOAT16 and weight.device.type == "cpu" and weight.dtype == torch.bfloat16:
        laid_out = torch.ops.mkldnn._reorder_linear_weight(weight, rows)
        return lambda x: torch.ops.mkldnn._linear_pointwise(x, laid_out, None, "none", [], "")
    return lambda x: F.linear(x, weight)
