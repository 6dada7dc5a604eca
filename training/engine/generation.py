"""Writing responses: batched sampling that keeps token ids and their log-probabilities.

Every prompt has a seed of its own, which draws one uniform number a token; the token is where that
number falls in the cumulated distribution. So a response depends on its prompt and its seed, and
not on what it was batched with (as far as rounding allows).
"""

from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass, field

import torch
from torch import Tensor
from torch.nn import functional as F
from transformers import DynamicCache, PreTrainedTokenizerBase

from training.engine.data import end_id
from training.engine.decoder import Decoder
from training.engine.llama import Llama
from training.engine.modeling import Policy

BLOCK = 64  # tokens of the vocabulary that are summed together when one is drawn


@dataclass
class Generated:
    index: int
    """Which of the prompts."""
    ids: list[int] = field(default_factory=list)
    """The response's tokens, with the one that ends it unless it is truncated."""
    logprobs: list[float] = field(default_factory=list)
    """log π of each of them, at the temperature it was drawn with."""
    is_truncated: bool = True


def generate(
    policy: Policy,
    tokenizer: PreTrainedTokenizerBase,
    prompts: Sequence[list[int]],
    *,
    max_new_tokens: int,
    temperature: float,
    batch_size: int,
    seeds: Sequence[int],
    stops: Set[int] | None = None,
) -> Iterator[Generated]:
    """One response for each prompt, in the order in which they are done.

    At temperature 0 the likeliest token is taken, and log-probabilities are those at 1. A response
    is over after a token of `stops`; by default, of those that end a turn for this model.
    """
    stops = stop_ids(policy, tokenizer) if stops is None else stops
    if policy.fast is not None:
        yield from write_refilling(
            policy, policy.fast, prompts, seeds, max_new_tokens, temperature, batch_size, stops
        )
        return
    order = sorted(range(len(prompts)), key=lambda i: (-len(prompts[i]), i))
    for start in range(0, len(order), batch_size):
        chosen = order[start : start + batch_size]
        yield from write_batch(
            policy,
            [prompts[i] for i in chosen],
            [Generated(i) for i in chosen],
            [uniforms(seeds[i], max_new_tokens) for i in chosen],
            temperature,
            stops,
        )


def stop_ids(policy: Policy, tokenizer: PreTrainedTokenizerBase) -> set[int]:
    """Every token after which a response is over."""
    configured = getattr(policy.network.generation_config, "eos_token_id", None)
    several = configured if isinstance(configured, list) else [configured]
    return {i for i in (end_id(tokenizer), tokenizer.eos_token_id, *several) if i is not None}


def uniforms(seed: int, count: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(count, generator=generator, dtype=torch.float64)


def write_refilling(
    policy: Policy,
    llama: Llama,
    prompts: Sequence[list[int]],
    seeds: Sequence[int],
    max_new_tokens: int,
    temperature: float,
    batch_size: int,
    stops: Set[int],
) -> Iterator[Generated]:
    """`batch_size` rows at a time; a row whose response is over takes the next prompt at once.

    Longest prompts first: what is left at the end, when rows run empty, is short.
    """
    waiting = sorted(range(len(prompts)), key=lambda i: (len(prompts[i]), -i))  # next one last
    head = llama.flat.weight(policy.network.get_output_embeddings().weight)
    decoder = Decoder(llama, head, min(batch_size, len(prompts)))
    rows: list[Generated] = []
    draws: list[Tensor] = []
    tokens = torch.empty(0, dtype=torch.long, device=policy.device)

    def write(logits: Tensor, chosen: Sequence[int]) -> Tensor:
        uniform = torch.stack([draws[row][len(rows[row].ids)] for row in chosen])
        new, logprobs = draw(logits, uniform.to(policy.device), temperature)
        for row, token, logprob in zip(chosen, new.tolist(), logprobs.tolist(), strict=True):
            response = rows[row]
            response.ids.append(token)
            response.logprobs.append(logprob)
            response.is_truncated = token not in stops
        return new

    def is_over(response: Generated) -> bool:
        return not response.is_truncated or len(response.ids) == max_new_tokens

    over: list[int] = []  # rows that are free
    while True:
        if waiting and (len(rows) < decoder.rows or over):
            over += range(len(rows), min(decoder.rows, len(rows) + len(waiting) - len(over)))
            filled = over[: len(waiting)]
            begun = [waiting.pop() for _ in filled]
            for row, index in zip(filled, begun, strict=True):
                response, numbers = Generated(index), uniforms(seeds[index], max_new_tokens)
                if row == len(rows):
                    rows.append(response)
                    draws.append(numbers)
                else:
                    rows[row], draws[row] = response, numbers
            logits = decoder.prefill(filled, [prompts[index] for index in begun])
            grown = tokens.new_zeros(len(rows))
            grown[: len(tokens)] = tokens
            tokens = grown
            tokens[filled] = write(logits, filled)
            over = over[len(filled) :]
        else:
            tokens = write(decoder.step(tokens), range(len(rows)))
        finished = [row for row, response in enumerate(rows) if is_over(response)]
        finished = [row for row in finished if row not in over]
        yield from (rows[row] for row in finished)
        over += finished
        if over and not waiting:  # nobody is left to take these rows: close the gaps
            for row in sorted(over, reverse=True):
                end = len(rows) - 1
                if row != end:
                    decoder.move(end, row)
                    rows[row], draws[row], tokens[row] = rows[end], draws[end], tokens[end]
                rows.pop()
                draws.pop()
            tokens, over = tokens[: len(rows)].clone(), []
            if not rows:
                return


@torch.inference_mode()
def write_batch(
    policy: Policy,
    prompts: list[list[int]],
    responses: list[Generated],
    draws: list[Tensor],
    temperature: float,
    stops: Set[int],
) -> list[Generated]:
    device, width = policy.device, max(map(len, prompts))
    # Padding stands on the left, so that every row writes its next token into the same column.
    ids = torch.zeros(len(prompts), width, dtype=torch.long, device=device)
    mask = torch.zeros_like(ids)
    for row, prompt in enumerate(prompts):
        ids[row, width - len(prompt) :] = torch.tensor(prompt, device=device)
        mask[row, width - len(prompt) :] = 1
    positions = (mask.cumsum(1) - 1).clamp_min(0)
    uniform = torch.stack(draws).to(device)
    cache = DynamicCache(config=policy.network.config)
    for step in range(uniform.shape[1]):
        with torch.autocast(device.type, policy.dtype, enabled=policy.dtype != torch.float32):
            output = policy.network(
                input_ids=ids,
                attention_mask=mask,
                position_ids=positions,
                past_key_values=cache,
                use_cache=True,
                logits_to_keep=1,
            )
        tokens, logprobs = draw(output.logits[:, -1], uniform[:, step], temperature)
        written = zip(responses, tokens.tolist(), logprobs.tolist(), strict=True)
        for response, token, logprob in written:
            if response.is_truncated:
                response.ids.append(token)
                response.logprobs.append(logprob)
                response.is_truncated = token not in stops
        if not any(response.is_truncated for response in responses):
            break
        ids = tokens[:, None]
        mask = torch.cat([mask, mask.new_ones(len(prompts), 1)], dim=1)
        positions = positions[:, -1:] + 1
    return responses


def draw(logits: Tensor, uniform: Tensor, temperature: float) -> tuple[Tensor, Tensor]:
    """Tokens (B,) and their log-probabilities (B,) from logits (B, V) and numbers in [0, 1).

    The token is the one where the cumulated distribution passes `uniform`; it is looked for in
    blocks of `BLOCK`, so that most of the vocabulary is summed once and never cumulated.
    """
    if temperature == 0:
        logprobs = logits.float().log_softmax(dim=-1)
        tokens = logprobs.argmax(dim=-1)
        return tokens, logprobs.gather(1, tokens[:, None]).squeeze(1)
    scaled = logits if temperature == 1 else logits.float() / temperature
    p = torch.softmax(scaled, dim=-1, dtype=torch.float32)
    if p.shape[1] % BLOCK:
        p = F.pad(p, (0, -p.shape[1] % BLOCK))
    blocks = p.unflatten(1, (-1, BLOCK))
    ends = blocks.sum(dim=2).double().cumsum(dim=1)
    target = uniform[:, None] * ends[:, -1:]
    block = torch.searchsorted(ends, target, right=True).clamp_max(ends.shape[1] - 1)
    before = torch.where(block > 0, ends.gather(1, (block - 1).clamp_min(0)), 0.0)
    rows = torch.arange(len(p), device=p.device)
    inside = blocks[rows, block.squeeze(1)].double().cumsum(dim=1)
    place = torch.searchsorted(inside, target - before, right=True)
    # Rounding may point behind the last token that can be drawn: take that one.
    last = (blocks[rows, block.squeeze(1)] > 0).long().cumsum(dim=1).argmax(dim=1, keepdim=True)
    tokens = block * BLOCK + torch.minimum(place, last)
    return tokens.squeeze(1), p.gather(1, tokens).squeeze(1).log()
