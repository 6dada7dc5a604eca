"""Parameters, their copies in the compute dtype and their gradients, each in one flat buffer.

Parameters stay float32 and stay where the network has them, as views of one buffer. Matrices have
a copy in the compute dtype (the same memory where that is float32), which is what products read,
and gradients in the compute dtype, written by the products themselves. Vectors (gains, biases)
stay float32 in both. One buffer each, so that the optimizer runs over memory once, in pieces that
fit the cache, and weights that share an input can be used as one matrix.
"""

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from training.engine.arena import Arena
from training.engine.kernels import kernels_for
from training.engine.memory import zeros_like
from training.engine.products import HAS_TILES, Product, multiply, packed, product


class FlatParameters:
    """The parameters of a network that trains all of them.

    A parameter is a *matrix* here if products in the compute dtype read it, else a *vector*: gains,
    and the small head of a reward model, which stays float32.
    """

    def __init__(self, parameters: Iterable[tuple[str, nn.Parameter]], dtype: torch.dtype) -> None:
        self.named = list(parameters)
        self.dtype = dtype
        matrices = [p for _, p in self.named if is_matrix(p)]
        vectors = [p for _, p in self.named if not is_matrix(p)]
        (matrices_buffer, places), (vectors_buffer, more) = gathered(matrices), gathered(vectors)
        self.masters = (matrices_buffer, vectors_buffer)
        self.offsets = places | more
        self.weights = matrices_buffer.to(dtype)  # the same tensor when dtype is float32
        self.kernels = kernels_for(self.weights.device, dtype)
        self.matrix_gradients: Tensor | None = None
        self.vector_gradients = torch.zeros_like(vectors_buffer)
        self.written: dict[int, int] = {}  # start → end of the gradients that were added to
        self.arenas: list[Arena] = []  # at rest
        self.packs: dict[int, Product] = {}  # by where a weight begins
        for parameter in vectors:  # autograd adds to these where it meets them
            parameter.grad = self.gradient(parameter)

    def renew(self) -> None:
        """Copy the parameters, which somebody changed, into the compute dtype."""
        self.packs.clear()
        if self.weights is not self.masters[0]:
            self.weights.copy_(self.masters[0])

    # --- views -----------------------------------------------------------------------------------

    def weight(self, *parameters: nn.Parameter) -> Tensor:
        """The weights in the compute dtype (gains: float32); several as one, row by row."""
        return self.view(self.weights, self.masters[1], parameters)

    def gradient(self, *parameters: nn.Parameter) -> Tensor:
        """Where the gradient of these weights is written."""
        matrices = self.vector_gradients  # not looked at
        if is_matrix(parameters[0]):
            if self.matrix_gradients is None:  # not before something is trained
                self.matrix_gradients = zeros_like(self.weights)
            matrices = self.matrix_gradients
        return self.view(matrices, self.vector_gradients, parameters)

    def view(
        self, matrices: Tensor, vectors: Tensor, parameters: tuple[nn.Parameter, ...]
    ) -> Tensor:
        first = parameters[0]
        start = end = self.offsets[first]
        for parameter in parameters:
            if self.offsets[parameter] != end:
                raise ValueError("these weights do not lie side by side")
            end += parameter.numel()
        buffer = matrices if is_matrix(first) else vectors
        return buffer[start:end].view(-1, *first.shape[1:])

    def packed(self, weight: Tensor, rows: int) -> Product:
        """x → x Wᵀ for a weight of this buffer, laid out for products until weights change.

        Worth it where a weight is read by many passes before it is trained on. Tiles (AMX) want
        their products cut (products.py), which a layout made beforehand cannot be.
        """
        start = int(weight.storage_offset())
        if HAS_TILES:
            return lambda x: product(x, weight.t())
        if start not in self.packs:
            self.packs[start] = packed(weight, rows)
        return self.packs[start]

    # --- what passes keep ------------------------------------------------------------------------

    def lend(self) -> Arena:
        """Memory for what a forward pass keeps; its backward pass gives it back.

        A pass that is never differentiated keeps its arena, and takes it along when it goes.
        """
        arena = self.arenas.pop() if self.arenas else Arena(self.weights.device)
        arena.begin()
        return arena

    def take_back(self, arena: Arena) -> None:
        self.arenas.append(arena)

    # --- gradients -------------------------------------------------------------------------------

    def zero_gradients(self) -> None:
        """Forget the gradients. Matrices are not cleared: the first product overwrites them."""
        self.written.clear()
        self.vector_gradients.zero_()

    def is_first(self, into: Tensor) -> bool:
        """Whether nothing was added to this gradient yet; from now on something was."""
        start = int(into.storage_offset())
        if start in self.written:
            return False
        self.written[start] = start + into.numel()
        return True

    def add_product(self, into: Tensor, d: Tensor, x: Tensor) -> None:
        """into += dᵀ x: (n, m), (N, n), (N, m)."""
        multiply(d.t(), x, into, add=not self.is_first(into))

    def add_rows(self, parameter: nn.Parameter, places: Tensor, rows: Tensor) -> None:
        """Add `rows` (N, d) to the gradient's rows `places` (N,), summed in float32 first."""
        into = self.gradient(parameter)
        if self.is_first(into):
            into.zero_()
        unique, where = places.unique(return_inverse=True)
        sums = rows.new_zeros(len(unique), rows.shape[1]).index_add_(0, where, rows)
        into[unique] += sums.to(into.dtype)

    def complete_gradients(self) -> tuple[Tensor, Tensor]:
        """The gradients of matrices and of vectors; zeros where nothing was added."""
        if self.matrix_gradients is None:
            self.matrix_gradients = zeros_like(self.weights)
        end = 0
        for start in sorted(self.written):
            self.matrix_gradients[end:start].zero_()
            end = self.written[start]
        self.matrix_gradients[end:].zero_()
        return self.matrix_gradients, self.vector_gradients


def is_matrix(parameter: nn.Parameter) -> bool:
    return parameter.ndim > 1 and len(parameter) > 1  # a head of one output is a vector


def gathered(parameters: list[nn.Parameter]) -> tuple[Tensor, dict[nn.Parameter, int]]:
    """Move the parameters into one float32 buffer, in order; return it and where each begins."""
    total = sum(p.numel() for p in parameters)
    device = parameters[0].device if parameters else None
    buffer = torch.empty(total, dtype=torch.float32, device=device)
    offsets: dict[nn.Parameter, int] = {}
    start = 0
    for parameter in parameters:
        end = start + parameter.numel()
        offsets[parameter] = start
        buffer[start:end].view(parameter.shape).copy_(parameter.data)
        parameter.data = buffer[start:end].view(parameter.shape)
        start = end
    return buffer, offsets
