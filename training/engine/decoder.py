"""Writing token by token with a Llama: a cache of keys and values with one slot a row.

    prefill   the prompts of some rows, packed as a tree batch: fills their slots
    step      one more token for each of the first B rows

Rows are independent of each other: one that is finished is replaced by another prompt at once
(`replace`), so no row of a product is spent on a response that is already over. Products with few
rows are bound by reading the weights; where the processor offers it these are laid out for that
once (oneDNN's packed format) instead of at every product.
"""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from training.engine.data import Group, collate
from training.engine.llama import Llama
from training.engine.products import packed

GROW = (
    64  # positions by which the cache grows; products read all of it, whole is faster than a part
)


class Decoder:
    """`rows` slots over the weights of `llama` as they are now; `head` is (V, d)."""

    def __init__(self, llama: Llama, head: Tensor, rows: int) -> None:
        self.llama = llama
        self.dtype, self.device = llama.flat.dtype, llama.embedding.device
        self.layers = [
            (
                layer.norm1,
                packed(interleaved(layer.qkv, llama), rows),
                packed(layer.o, rows),
                layer.norm2,
                packed(layer.gate_up, rows),
                packed(layer.down, rows),
            )
            for layer in llama.layers
        ]
        self.head = packed(head, rows)
        self.order = pairwise_order(llama.size).to(self.device)
        self.rows, self.capacity = rows, 0
        self.keys: list[Tensor] = []
        self.values: list[Tensor] = []
        self.lengths = torch.zeros(rows, dtype=torch.long, device=self.device)
        self.turns = torch.empty(0)

    # --- the cache -------------------------------------------------------------------------------

    def reserve(self, length: int) -> None:
        """Make room for `length` positions in every slot."""
        if length <= self.capacity:
            return
        capacity = -(-length // GROW) * GROW
        llama = self.llama
        shape = (self.rows, llama.groups, capacity, llama.size)
        for cache in (self.keys, self.values):
            for number in range(len(self.layers)):
                bigger = torch.zeros(shape, dtype=self.dtype, device=self.device)
                if self.capacity:
                    bigger[:, :, : self.capacity] = cache[number]
                    cache[number] = bigger
                else:
                    cache.append(bigger)
        self.capacity = capacity
        like = torch.empty(0, dtype=torch.float32, device=self.device)
        positions = torch.arange(capacity, device=self.device)
        cos, sin = llama.rotary(like, positions[None])
        half = llama.size // 2
        turns = torch.complex(cos[0, :, :half].contiguous(), sin[0, :, :half].contiguous())
        scale = torch.ones(llama.heads + llama.groups, 1, device=self.device)
        scale[: llama.heads] = llama.size**-0.5  # the 1/√D of attention, on the queries
        self.turns = turns[:, None] * scale

    @torch.inference_mode()
    def move(self, source: int, target: int) -> None:
        """Let row `source` take the slot `target`."""
        length = int(self.lengths[source])
        for cache in (*self.keys, *self.values):
            cache[target, :, :length] = cache[source, :, :length]
        self.lengths[target] = length

    # --- forward ---------------------------------------------------------------------------------

    @torch.inference_mode()
    def prefill(self, slots: Sequence[int], prompts: Sequence[list[int]]) -> Tensor:
        """Read `prompts` into `slots`; the logits after each prompt: (len(slots), V)."""
        self.reserve(max(map(len, prompts)) + 1)
        groups = [Group(i, prompt, [], [], []) for i, prompt in enumerate(prompts)]
        batch = collate(groups).to(self.device)
        places = [
            ((0, batch.root), (tree.start, tree.start + tree.prompt_length)) for tree in batch.trees
        ]
        heads, groups_ = self.llama.heads, self.llama.groups

        def take(number: int, qkv: Tensor) -> None:
            keys = qkv[:, heads : heads + groups_][..., self.order]
            for cache, new in ((self.keys, keys), (self.values, qkv[:, heads + groups_ :])):
                for slot, spans in zip(slots, places, strict=True):
                    offset = 0
                    for start, end in spans:
                        into = cache[number][slot, :, offset : offset + end - start]
                        into.copy_(new[start:end].transpose(0, 1))
                        offset += end - start

        ends = torch.tensor([spans[1][1] - 1 for spans in places], device=self.device)
        states, _, _ = self.llama.forward(batch, ends, "predict", None, seen=take)
        self.lengths[list(slots)] = torch.tensor([len(p) for p in prompts], device=self.device)
        return self.head(states.to(self.dtype))

    @torch.inference_mode()
    def step(self, tokens: Tensor) -> Tensor:
        """Append `tokens` (B,) to the first B rows; the logits after them: (B, V)."""
        llama, dtype, count = self.llama, self.dtype, len(tokens)
        lengths = self.lengths[:count]
        self.reserve(int(lengths.max()) + 1)
        rows = torch.arange(count, device=self.device)
        turns = self.turns[lengths]
        unseen = torch.arange(self.capacity, device=self.device) > lengths[:, None]
        mask = torch.zeros(unseen.shape, dtype=dtype, device=self.device)
        mask = mask.masked_fill_(unseen, float("-inf")).repeat_interleave(llama.groups, 0)[:, None]
        h, g, size = llama.heads, llama.groups, llama.size
        x = F.embedding(tokens, llama.embedding)
        shape = (x.shape[-1],)
        for number, (norm1, qkv_of, o, norm2, gate_up_of, down) in enumerate(self.layers):
            qkv = qkv_of(F.rms_norm(x, shape, norm1, llama.eps).to(dtype)).view(count, -1, size)
            pairs = torch.view_as_complex(qkv[:, : h + g].float().unflatten(-1, (-1, 2)))
            turned = torch.view_as_real(pairs * turns).flatten(-2).to(dtype)
            keys, values = self.keys[number], self.values[number]
            keys[rows, :, lengths] = turned[:, h:]
            values[rows, :, lengths] = qkv[:, h + g :]
            queries = turned[:, :h].reshape(count * g, h // g, size)
            scores = torch.bmm(queries, keys[:count].flatten(0, 1).transpose(1, 2))
            weights = torch.softmax(scores.add_(mask), dim=-1)
            attended = torch.bmm(weights, values[:count].flatten(0, 1))
            x = x + o(attended.view(count, -1))
            gate, up = gate_up_of(F.rms_norm(x, shape, norm2, llama.eps).to(dtype)).chunk(2, dim=1)
            x = x + down(F.silu(gate) * up)
        lengths += 1
        return self.head(F.rms_norm(x, shape, llama.gain, llama.eps).to(dtype))


def pairwise_order(size: int) -> Tensor:
    """Where the numbers of a head stand when those that rotate together are neighbours."""
    return torch.stack([torch.arange(size // 2), torch.arange(size // 2) + size // 2], 1).flatten()


def interleaved(qkv: Tensor, llama: Llama) -> Tensor:
    """`qkv` with queries and keys in pairwise order: then one complex product rotates them."""
    heads = qkv.view(-1, llama.size, qkv.shape[-1])
    turning = llama.heads + llama.groups
    ordered = heads[:turning, pairwise_order(llama.size).to(qkv.device)]
    return torch.cat([ordered, heads[turning:]]).flatten(0, 1)
