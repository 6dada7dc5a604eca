from dataclasses import replace
from pathlib import Path

import pytest
import torch

from tests.training.engine.runs import WORDS, random_rows
from training.engine.configs import TrainConfig
from training.engine.data import Group, Pair, collate, prompt_ids, tokenise
from training.engine.generation import Generated, generate
from training.engine.modeling import Policy, load_policy
from training.engine.optim import make_optimizer


@pytest.fixture(scope="module")
def policy(tiny: Path) -> Policy:
    return load_policy(tiny, "float32")


@pytest.fixture(scope="module")
def prompts(policy: Policy) -> list[list[int]]:
    texts = [" ".join(WORDS[: 1 + i % 5]) for i in range(7)]
    return [prompt_ids(policy.tokenizer, [{"role": "user", "content": text}]) for text in texts]


def write(
    policy: Policy,
    prompts: list[list[int]],
    seeds: list[int],
    batch_size: int = 3,
    temperature: float = 1.0,
    max_new_tokens: int = 12,
) -> dict[int, Generated]:
    written = generate(
        policy,
        policy.tokenizer,
        prompts,
        max_new_tokens=max_new_tokens,
        temperature=temperature,
        batch_size=batch_size,
        seeds=seeds,
    )
    found = list(written)
    assert sorted(response.index for response in found) == list(range(len(prompts)))
    return {response.index: response for response in found}


def eager_to_end(tiny: Path) -> Policy:
    """A policy that has learnt to end its responses after a few tokens."""
    policy = load_policy(tiny, "float32")
    groups, _ = tokenise(random_rows(20, responses=2), policy.tokenizer, 200)
    short = [
        replace(g, responses=[r[-1 - i % 4 :] for r in g.responses]) for i, g in enumerate(groups)
    ]
    optimizer = make_optimizer(policy, TrainConfig())
    for _ in range(15):
        torch.autograd.backward(-policy.logprobs(collate(short)).mean())
        optimizer.step(3e-3)
        optimizer.zero_grad()
    return policy


def test_every_prompt_gets_one_response(policy: Policy, prompts: list[list[int]]) -> None:
    written = write(policy, prompts, list(range(7)))
    for response in written.values():
        assert 1 <= len(response.ids) <= 12
        assert len(response.logprobs) == len(response.ids)


@pytest.mark.parametrize("temperature", [1.0, 0.7])
def test_logprobs_are_those_of_the_response_read_back(
    policy: Policy, prompts: list[list[int]], temperature: float
) -> None:
    written = write(policy, prompts, list(range(7)), temperature=temperature)
    groups = [
        Group(i, prompts[i], [written[i].ids, [2]], [Pair(0, 1, 1.0)], [0, 1]) for i in range(7)
    ]
    batch = collate(groups)
    forced = policy.logprobs(batch, temperature)
    for i in range(7):
        torch.testing.assert_close(
            torch.tensor(written[i].logprobs), forced[batch.owner == 2 * i], rtol=0, atol=1e-5
        )


def test_a_response_depends_on_its_prompt_and_seed_alone(
    policy: Policy, prompts: list[list[int]]
) -> None:
    seeds = [100 + i for i in range(7)]
    together = write(policy, prompts, seeds, batch_size=7)
    alone = write(policy, prompts, seeds, batch_size=1)
    assert {i: r.ids for i, r in together.items()} == {i: r.ids for i, r in alone.items()}
    reversed_order = write(policy, prompts[::-1], seeds[::-1])
    assert {6 - i: r.ids for i, r in reversed_order.items()} == {
        i: r.ids for i, r in together.items()
    }
    again = write(policy, [prompts[0]] * 2, [1, 2])
    assert again[0].ids != again[1].ids


def test_a_response_ends_at_its_end_token(tiny: Path, prompts: list[list[int]]) -> None:
    policy = eager_to_end(tiny)
    end = policy.tokenizer.eos_token_id
    written = write(policy, prompts * 4, list(range(28)), max_new_tokens=6)
    lengths = {len(response.ids) for response in written.values()}
    assert len(lengths) > 2
    for response in written.values():
        assert response.is_truncated == (end not in response.ids)
        assert end not in response.ids[:-1]
        assert len(response.ids) == 6 or not response.is_truncated
    assert {response.is_truncated for response in written.values()} == {True, False}


def test_temperature_zero_takes_the_likeliest(policy: Policy, prompts: list[list[int]]) -> None:
    written = write(policy, prompts, list(range(7)), temperature=0.0, max_new_tokens=8)
    for i, prompt in enumerate(prompts):
        expected = policy.network.generate(
            torch.tensor([prompt]), max_new_tokens=8, do_sample=False, pad_token_id=0
        )[0, len(prompt) :]
        assert written[i].ids == expected.tolist()


def test_samples_are_distributed_as_the_model_says(
    policy: Policy, prompts: list[list[int]]
) -> None:
    count = 2000
    written = write(
        policy, [prompts[0]] * count, list(range(count)), batch_size=250, max_new_tokens=1
    )
    logits = policy.network(torch.tensor([prompts[0]])).logits[0, -1].detach()
    expected = logits.softmax(-1) * count
    found = torch.zeros_like(expected)
    for response in written.values():
        found[response.ids[0]] += 1
    # Pearson's statistic over V cells has mean V − 1 and standard deviation √(2(V − 1))
    statistic = float(((found - expected).square() / expected).sum())
    degrees = len(expected) - 1
    assert abs(statistic - degrees) < 5 * (2 * degrees) ** 0.5
