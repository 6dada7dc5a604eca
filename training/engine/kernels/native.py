"""The kernels in C, for bfloat16 on a processor; plain.py says what each means.

`fused.c` is compiled once for each machine, into the user's cache. Where that is not possible
(no compiler, nowhere to write) there is no library, and the plain kernels are used.
"""

import ctypes
import functools
import hashlib
import os
import platform
import shutil
import subprocess
import tempfile
from pathlib import Path

import torch
from torch import Tensor

from training.engine.kernels.plain import Rotation, Take

SOURCE = Path(__file__).with_name("fused.c")
FLAGS = ("-O3", "-march=native", "-fno-math-errno", "-fno-trapping-math", "-ffp-contract=fast")
BF16 = torch.bfloat16


# --- building and loading -------------------------------------------------------------------------


@functools.cache
def library() -> ctypes.CDLL | None:
    """The compiled kernels; None where they cannot be had."""
    with_what = c_compiler()
    if with_what is None:
        return None
    try:
        return ctypes.CDLL(str(build(with_what)))
    except (OSError, subprocess.SubprocessError):
        return None


def c_compiler() -> str | None:
    named = os.environ.get("CC")
    return shutil.which(named) if named else shutil.which("cc") or shutil.which("gcc")


def build(compiler: str) -> Path:
    """The library of this source for this processor, compiled unless it is there already."""
    identity = hashlib.sha256(SOURCE.read_bytes() + f"{compiler} {FLAGS} {processor()}".encode())
    folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "prefloop"
    built = folder / f"fused-{identity.hexdigest()[:24]}.so"
    if not built.exists():
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with tempfile.TemporaryDirectory(dir=folder) as work:
            partial = Path(work) / "fused.so"
            # OpenMP is torch's own, already loaded: two pools of threads would be in each
            # other's way. So nothing is linked here.
            objects = [compiler, *FLAGS, "-fopenmp", "-fPIC", "-c", str(SOURCE), "-o", f"{work}/o"]
            linked = [compiler, "-shared", f"{work}/o", "-o", str(partial)]
            for command in (objects, linked):
                subprocess.run(command, check=True, capture_output=True, timeout=120)  # noqa: S603
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


def call(name: str, *arguments: Argument) -> None:
    """Run a kernel: tensors as their addresses, numbers as C's `long` or `float`."""
    found = library()
    assert found is not None
    getattr(found, name)(*map(as_c, arguments), ctypes.c_int(torch.get_num_threads()))


def as_c(value: Argument) -> Address | ctypes.c_long | ctypes.c_float:
    if isinstance(value, Tensor):
        if not value.is_contiguous():
            raise ValueError("a kernel reads its tensors as they lie in memory, without strides")
        return Address(value.data_ptr())
    if value is None or isinstance(value, Address):
        return value or Address(None)
    return ctypes.c_float(value) if isinstance(value, float) else ctypes.c_long(value)


# --- norms ----------------------------------------------------------------------------------------


def add_norm(
    x: Tensor, p: Tensor | None, gain: Tensor, eps: float, dtype: torch.dtype, take: Take | None
) -> tuple[Tensor, Tensor | None, Tensor]:
    out = torch.empty(x.shape, dtype=dtype)
    n = take(*x.shape, dtype=dtype) if take else None
    r = x.new_empty(len(x), 1)
    call("add_norm", *x.shape, x, p, gain, float(eps), out, n, r)
    return out, n, r


def add_norm_backward(
    dx: Tensor, dout: Tensor, n: Tensor, r: Tensor, gain: Tensor, dgain: Tensor
) -> Tensor:
    out = torch.empty_like(dout)
    sums = dgain.new_zeros(torch.get_num_threads(), len(dgain))
    call("add_norm_backward", *dx.shape, dx, dout, n, r, gain, dgain, out, sums)
    return out


# --- rotary embedding -----------------------------------------------------------------------------


def rotate(qkv: Tensor, rotation: Rotation) -> None:
    cos, sin, turned, scaled, scale = rotation
    rows, heads, size = qkv.shape
    call("rotate", rows, heads, turned, scaled, size, qkv, cos, sin, float(scale))


def rotate_back(d: Tensor, rotation: Rotation, dtype: torch.dtype) -> Tensor:
    cos, sin, turned, scaled, scale = rotation
    rows, heads, size = d.shape
    out = torch.empty(d.shape, dtype=dtype)
    call("rotate_back", rows, heads, turned, scaled, size, d, cos, sin, float(scale), out)
    return out


# --- the gated MLP --------------------------------------------------------------------------------


def swiglu(gate_up: Tensor) -> Tensor:
    out = gate_up.new_empty(len(gate_up), gate_up.shape[1] // 2)
    call("swiglu", *out.shape, gate_up, out)
    return out


def swiglu_backward(gate_up: Tensor, dout: Tensor, d_gate_up: Tensor) -> Tensor:
    out = torch.empty_like(dout)
    rows = Address(d_gate_up.data_ptr())  # they may lie apart
    call("swiglu_backward", *out.shape, gate_up, dout, out, rows, d_gate_up.stride(0))
    return out


# --- attention ------------------------------------------------------------------------------------


def gather(x: Tensor, places: Tensor, first: int, groups: int, per_group: int) -> Tensor:
    heads, size = x.shape[1:]
    out = x.new_empty(groups, len(places), per_group, size)
    call("gather", len(places), places, x, heads, first, groups, per_group, size, out)
    return out


def put(x: Tensor, places: Tensor, out: Tensor) -> None:
    groups, count, per_group, size = x.shape
    call("put", count, places, x, groups, per_group, size, out)


def add_at(x: Tensor, places: Tensor, first: int, into: Tensor) -> None:
    groups, count, per_group, size = x.shape
    tokens, heads = into.shape[:2]
    call("add_at", count, places, x, tokens, heads, first, groups, per_group, size, into)


def causal_softmax(scores: Tensor, seen: Tensor, per_group: int, out: Tensor) -> None:
    keys = scores.shape[-1]
    rows = scores.numel() // keys
    call("causal_softmax", rows, keys, seen.numel(), per_group, scores, seen, out)


def softmax_backward(p: Tensor, d: Tensor) -> None:
    call("softmax_backward", p.numel() // p.shape[-1], p.shape[-1], p, d)


# --- the head -------------------------------------------------------------------------------------


def vocabulary_softmax(z: Tensor, temperature: float, keep: bool) -> Tensor:
    lse = torch.empty(len(z))
    call("vocabulary_softmax", *z.shape, z, 1.0 / temperature, lse, int(keep))
    return lse


def scale_rows(x: Tensor, by: Tensor) -> None:
    call("scale_rows", *x.shape, x, by)
