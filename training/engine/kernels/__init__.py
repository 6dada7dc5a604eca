"""What lies between matrix products, in two versions of the same functions.

plain.py    in torch: any device, any dtype; says what each function means
native.py   in C (fused.c), for a processor: one pass over memory each. It is compiled for this very
            machine where a C compiler is at hand; elsewhere the plain ones serve

native.py also has a product of float32 matrices (products.c); engine/products.py says when it is
used.
"""

from types import ModuleType

import torch

from training.engine.kernels import native, plain


def kernels_for(device: torch.device, dtype: torch.dtype) -> ModuleType:
    """The fastest version that computes `dtype` on `device`."""
    has_native = device.type == "cpu" and native.library(dtype) is not None
    return native if has_native else plain
