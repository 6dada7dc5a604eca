"""The kernels in C (fused.c) of what lies between products; plain.py says what each means."""

import math

import torch
from torch import Tensor

from training.engine.kernels.library import Address, call
from training.engine.kernels.plain import SUMMED, AdamW, Rotation, Take

# --- norms ----------------------------------------------------------------------------------------


def add_norm(
    x: Tensor, p: Tensor | None, gain: Tensor, eps: float, dtype: torch.dtype, take: Take | None
) -> tuple[Tensor, Tensor | None, Tensor]:
    out = torch.empty(x.shape, dtype=dtype)
    n = take(*x.shape, dtype=dtype) if take else None
    r = x.new_empty(len(x), 1)
    call("add_norm", dtype, *x.shape, x, p, gain, float(eps), out, n, r)
    return out, n, r


def add_norm_backward(
    dx: Tensor, dout: Tensor, n: Tensor, r: Tensor, gain: Tensor, dgain: Tensor
) -> Tensor:
    out = torch.empty_like(dout)
    sums = dgain.new_zeros(torch.get_num_threads(), len(dgain))
    call("add_norm_backward", dout.dtype, *dx.shape, dx, dout, n, r, gain, dgain, out, sums)
    return out


# --- rotary embedding -----------------------------------------------------------------------------


def rotate(qkv: Tensor, rotation: Rotation) -> None:
    cos, sin, turned, scaled, scale = rotation
    rows, heads, size = qkv.shape
    call("rotate", qkv.dtype, rows, heads, turned, scaled, size, qkv, cos, sin, float(scale))


def rotate_back(d: Tensor, rotation: Rotation, dtype: torch.dtype) -> Tensor:
    cos, sin, turned, scaled, scale = rotation
    rows, heads, size = d.shape
    out = torch.empty(d.shape, dtype=dtype)
    call("rotate_back", dtype, rows, heads, turned, scaled, size, d, cos, sin, float(scale), out)
    return out


# --- the gated MLP --------------------------------------------------------------------------------


def swiglu(gate_up: Tensor) -> Tensor:
    out = gate_up.new_empty(len(gate_up), gate_up.shape[1] // 2)
    call("swiglu", out.dtype, *out.shape, gate_up, out)
    return out


def swiglu_backward(gate_up: Tensor, dout: Tensor, d_gate_up: Tensor) -> Tensor:
    out = torch.empty_like(dout)
    rows = Address(d_gate_up.data_ptr())  # they may lie apart
    call("swiglu_backward", out.dtype, *out.shape, gate_up, dout, out, rows, d_gate_up.stride(0))
    return out


# --- the head -------------------------------------------------------------------------------------


def vocabulary_softmax(z: Tensor, temperature: float, keep: bool) -> Tensor:
    lse = torch.empty(len(z))
    call("vocabulary_softmax", z.dtype, *z.shape, z, 1.0 / temperature, lse, int(keep))
    return lse


def scale_rows(x: Tensor, by: Tensor) -> None:
    call("scale_rows", x.dtype, *x.shape, x, by)


# --- the optimizer --------------------------------------------------------------------------------


def squares(x: Tensor) -> Tensor:
    sums = torch.empty(-(-len(x) // SUMMED), dtype=torch.float64)
    call("squares", x.dtype, len(x), SUMMED, x, sums)
    return sums.sum()


def adamw(
    master: Tensor, gradient: Tensor, moments: tuple[Tensor, Tensor], copy: Tensor, how: AdamW
) -> None:
    (beta1, beta2), step = how.betas, float(how.step)
    call(
        "adamw",
        gradient.dtype,
        len(master),
        *(master, gradient, *moments, None if copy is master else copy),
        1.0 / float(how.divisor),
        beta1,
        beta2,
        how.lr * how.decay,
        how.lr / (1.0 - beta1**step),
        1.0 / math.sqrt(1.0 - beta2**step),
        how.eps,
    )
