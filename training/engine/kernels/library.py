"""The kernels in C: compiled, loaded, called.

They are compiled once for each machine and dtype, into the user's cache. Where that is not possible
(no compiler, nowhere to write) there is no library, and torch does what they do.
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

HEADER, *SOURCES = (
    Path(__file__).with_name(name) for name in ("number.h", "fused.c", "products.c", "attention.c")
)
FLAGS = ("-O3", "-march=native", "-fno-math-errno", "-fno-trapping-math", "-ffp-contract=fast")
DEFINES: dict[torch.dtype, tuple[str, ...]] = {torch.bfloat16: (), torch.float32: ("-DSINGLE",)}


@functools.cache
def load(dtype: torch.dtype) -> ctypes.CDLL | None:
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
    text = b"".join(path.read_bytes() for path in (HEADER, *SOURCES))
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
    tells = ("vendor_id", "model name", "flags", "Features")
    told = (line for line in lines if line.startswith(tells))
    return " ".join(sorted(set(told)))


Address = ctypes.c_void_p
Argument = Tensor | float | int | None | Address


def call(name: str, dtype: torch.dtype, *arguments: Argument) -> None:
    """Run a kernel for `dtype`: tensors as their addresses, numbers as C's `long` or `float`."""
    found = load(dtype)
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
