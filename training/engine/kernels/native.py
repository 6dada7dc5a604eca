"""The kernels in C, for a processor; plain.py says what each means.

They are compiled once for each machine and dtype, into the user's cache. Where that is not possible
(no compiler, nowhere to write) there is no library, and the plain kernels are used.
"""

import ctypes
import functools
import hashlib
import math
import os
import platform
import shutil
import subprocess
import tempfile
from pathlib import Path

import torch
from torch import Tensor

from training.engine.kernels.plain import SUMMED, AdamW, Rotation, Take

SOURCES = tuple(Path(__file__).with_name(name) for name in ("fused.c", "products.c"))
FLAGS = ("-O3", "-march=native", "-fno-math-errno", "-fno-trapping-math", "-ffp-contract=fast")
DEFINES: dict[torch.dtype, tuple[str, ...]] = {torch.bfloat16: (), torch.float32: ("-DSINGLE",)}


# --- building and loading -------------------------------------------------------------------------


@functools.cache
def library(dtype: torch.dtype) -> ctypes.CDLL | None:
    """The kernels compiled for numbers of `dtype`; None where they cannot be had."""
    with_what = c_compiler()
    if with_what is None or dtype not in DEFINES:
        return None
    try:
        return ctypes.CDLL(str(build(with_what, dtype)))
    except (OSError, subprocess.SubprocessError):
        return None


def c_compiler() -> str | None:
    named = os.environ.get("CC")
    return shutil.which(named) if named else shutil.which("cc") or shutil.which("gcc")


def build(compiler: str, dtype: torch.dtype) -> Path:
    """The library of these sources for this processor, compiled unless it is there already."""
    flags = (*FLAGS, *DEFINES[dtype])
    text = b"".join(source.read_bytes() for source in SOURCES)
    identity = hashlib.sha256(text + f"{compiler} {flags} {processor()}".encode())
    folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "prefloop"
    built = folder / f"fused-{identity.hexdigest()[:24]}.so"
    if not built.exists():
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with tempfile.TemporaryDirectory(dir=folder) as work:
            partial = Path(work) / "fused.so"
            # OpenMP is torch's own, already loaded: two pools of threads would be in each
            # other's way. So nothing is linked here.
            compiled = [compiler, *flags, "-fopenmp", "-fPIC", "-c", *map(str, SOURCES)]
            objects = [source.with_suffix(".o").name for source in SOURCES]
            linked = [compiler, "-shared", *objects, "-o", partial.name]
            for command in (compiled, linked):
                subprocess.run(  # noqa: S603
                    command, check=True, capture_output=True, timeout=120, cwd=work
                )
            partial.rename(built)
    return built


def processor() -> str:
    """What tells processors apart: a library for one may hold instructions another lacks."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return f"{platform.machine()} {platform.processor()}"
    told = (line for line in lines if line.startswith(("model name", "flags", "Features")))
    return " ".join(sorted(set(told)))


Address = ctypes.c_void_p
Argument = Tensor | float | int | None | Address


def call(name: str, dtype: torch.dtype, *arguments: Argument) -> None:
    """Run a kernel for `dtype`: tensors as their addresses, numbers as C's `long` or `float`."""
    found = library(dtype)
    if found is None:
        raise ValueError(f"there are no kernels in C for {dtype}")
    getattr(found, name)(*map(as_c, arguments), ctypes.c_int(torch.get_num_threads()))


def as_c(value: Argument) -> Address | ctypes.c_long | ctypes.c_float:
    if isinstance(value, Tensor):
        if not value.is_contiguous():
            raise ValueError("a kernel reads its tensors as they lie in memory, without strides")
        return Address(value.data_ptr())
    if value is None or isinstance(value, Address):
        return value or Address(None)
    return ctypes.c_float(value) if isinstance(value, float) else ctypes.c_long(value)


# --- matrix products ------------------------------------------------------------------------------


def multiplies() -> bool:
    """Whether `multiply` is there: it is written for AVX2."""
    found = library(torch.float32)
    return found is not None and hasattr(found, "multiply")


def multiply(a: Tensor, b: Tensor, out: Tensor, add: bool) -> None:
    """out = a b, or += that: float32, (m, k), (k, n) → (m, n), none empty. `a` and `b` may have any
    strides, the rows of `out` gaps."""
    sizes = (*a.shape, *b.shape, *out.shape)
    if 0 in sizes or sizes != (len(out), len(b), len(b), *out.shape[1:], *out.shape):
        raise ValueError(f"these are no matrices to multiply: {a.shape}, {b.shape}, {out.shape}")
    if not a.dtype == b.dtype == out.dtype == torch.float32 or out.stride(1) != 1:
        raise ValueError("the product of float32 matrices only, into whole rows only")
    first, second, into = (Address(x.data_ptr()) for x in (a, b, out))  # they may lie apart
    laid: tuple[Argument, ...] = (first, *a.stride(), second, *b.stride(), into, out.stride(0))
    call("multiply", out.dtype, *out.shape, len(b), *laid, int(add))


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


# --- attention ------------------------------------------------------------------------------------


def gather(x: Tensor, places: Tensor, first: int, groups: int, per_group: int) -> Tensor:
    heads, size = x.shape[1:]
    out = x.new_empty(groups, len(places), per_group, size)
    call("gather", x.dtype, len(places), places, x, heads, first, groups, per_group, size, out)
    return out


def put(x: Tensor, places: Tensor, out: Tensor) -> None:
    groups, count, per_group, size = x.shape
    call("put", x.dtype, count, places, x, groups, per_group, size, out)


def add_at(x: Tensor, places: Tensor, first: int, into: Tensor) -> None:
    groups, count, per_group, size = x.shape
    tokens, heads = into.shape[:2]
    call("add_at", x.dtype, count, places, x, tokens, heads, first, groups, per_group, size, into)


def causal_softmax(scores: Tensor, seen: Tensor, per_group: int, out: Tensor) -> None:
    keys = scores.shape[-1]
    rows = scores.numel() // keys
    call("causal_softmax", out.dtype, rows, keys, seen.numel(), per_group, scores, seen, out)


def softmax_backward(p: Tensor, d: Tensor) -> None:
    call("softmax_backward", p.dtype, p.numel() // p.shape[-1], p.shape[-1], p, d)


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
