"""What is cheap in arithmetic but dear in memory, in two versions of the same functions.

plain.py    in torch: any device, any dtype; says what each function means
native.py   in C (fused.c), for a processor: one pass over memory each. It is compiled for this very
            machine where a C compiler is at hand (library.py); elsewhere the plain ones serve

Two more kernels are in C alone, each with its wrapper: attention.c, for every processor (without a
compiler torch does it, engine/attention.py), and products.c, for some (engine/products.py).
"""

from types import ModuleType

import torch

from training.engine.kernels import library, native, plain


def kernels_for(device: torch.device, dtype: torch.dtype) -> ModuleType:
    """The fastest version that computes `dtype` on `device`."""
    has_native = device.type == "cpu" and library.load(dtype) is not None
    return native if has_native else plain
