import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import (
    AutoModelForCausalLM,
    AutoModelForSequenceClassification,
    AutoTokenizer,
    MistralConfig,
    MistralForCausalLM,
)

from tests.training.engine.runs import random_rows
from tests.training.engine.tiny import VOCABULARY, make_tiny_tokenizer
from training.engine.configs import TrainConfig
from training.engine.data import Group, Pair, TreeBatch, collate, tokenise
from training.engine.modeling import (
    Policy,
    UnusableModel,
    load_policy,
    load_reward,
    load_tokenizer,
    weights_hash,
)
from training.engine.numerics import sum_by
from training.engine.optim import make_optimizer


@pytest.fixture(scope="module")
def groups(tiny: Path) -> list[Group]:
    found, _ = tokenise(random_rows(8, seed=2, responses=3), load_tokenizer(tiny), 200)
    return found


def logprob_of_alone(policy: Policy, prompt: list[int], response: list[int]) -> float:
    """The plain way: one row, all logits, by transformers."""
    ids = torch.tensor([prompt + response])
    logits = policy.network(input_ids=ids).logits[0, len(prompt) - 1 : -1]
    return float(logits.log_softmax(-1).gather(1, torch.tensor(response)[:, None]).sum().detach())


def sums(policy: Policy, batch: TreeBatch) -> torch.Tensor:
    return sum_by(policy.logprobs(batch), batch.owner, batch.responses)


@pytest.mark.parametrize("layout", ["tree", "padded"])
def test_logprobs_are_those_of_each_response_alone(
    tiny: Path, groups: list[Group], layout: str
) -> None:
    policy = load_policy(tiny, "float32", layout=layout)
    expected = [
        logprob_of_alone(policy, group.prompt_ids, response)
        for group in groups
        for response in group.responses
    ]
    found = sums(policy, collate(groups))
    torch.testing.assert_close(found, torch.tensor(expected), rtol=0, atol=1e-4)


def test_layout_and_batch_size_change_nothing(tiny: Path, groups: list[Group]) -> None:
    tree, padded = load_policy(tiny, "float32"), load_policy(tiny, "float32", layout="padded")
    assert (tree.layout, padded.layout) == ("tree", "padded")
    together = tree.logprobs(collate(groups))
    torch.testing.assert_close(padded.logprobs(collate(groups)), together, rtol=0, atol=1e-5)
    alone = torch.cat([tree.logprobs(collate([group])) for group in groups])
    torch.testing.assert_close(alone, together, rtol=0, atol=1e-5)


def test_a_shared_opening_changes_nothing(tiny: Path) -> None:
    opening = list(range(20, 60))  # as a system prompt is
    several = [
        Group(i, [*opening, 70 + i, 80], [[90 + i, 91, 2], [95, 2]], [Pair(0, 1, 1.0)], [0, 1])
        for i in range(3)
    ]
    policy = load_policy(tiny, "float32")
    alone = torch.cat([policy.logprobs(collate([group])) for group in several])
    torch.testing.assert_close(policy.logprobs(collate(several)), alone, rtol=0, atol=1e-5)


def test_both_layouts_have_the_same_gradient(tiny: Path, groups: list[Group]) -> None:
    gradients = []
    for layout in ("tree", "padded"):
        policy = load_policy(tiny, "float32", layout=layout)
        batch = collate(groups)
        torch.autograd.backward(sums(policy, batch).square().mean())
        gradients.append(policy.gradients())
    for name, gradient in gradients[0].items():
        other = gradients[1][name]
        assert float((gradient - other).norm()) <= 1e-4 * float(other.norm()) + 1e-7, name


def test_responses_of_one_prompt_do_not_see_each_other(tiny: Path) -> None:
    policy = load_policy(tiny, "float32")
    one = Group(1, [5, 6, 7], [[8, 9, 2], [10, 11, 2]], [Pair(0, 1, 1.0)], [0, 1])
    two = Group(1, [5, 6, 7], [[90, 91, 92, 93, 2], [10, 11, 2]], [Pair(0, 1, 1.0)], [0, 1])
    first, second = (sums(policy, collate([group])) for group in (one, two))
    assert first[1].item() == pytest.approx(second[1].item(), abs=1e-5)
    assert first[0].item() != pytest.approx(second[0].item(), abs=1e-2)


def test_padding_gets_no_gradient(tiny: Path, groups: list[Group]) -> None:
    policy = load_policy(tiny, "float32", layout="padded")
    torch.autograd.backward(policy.hidden(collate(groups)).square().sum())  # not through the head
    table = policy.network.get_input_embeddings().weight.grad
    assert isinstance(table, torch.Tensor)
    assert float(table[policy.tokenizer.pad_token_id].abs().sum()) == 0.0


def test_a_score_is_what_other_readers_of_the_saved_folder_compute(
    tiny: Path, groups: list[Group], tmp_path: Path
) -> None:
    reward = load_reward(tiny, "float32", seed=5)
    batch = collate(groups)
    scores = reward.scores(batch)
    reward.save_model(tmp_path / "model")
    network = AutoModelForSequenceClassification.from_pretrained(tmp_path / "model")
    assert network.config.num_labels == 1
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "model")
    assert network.config.pad_token_id == tokenizer.pad_token_id != tokenizer.eos_token_id
    rows = [group.prompt_ids + response for group in groups for response in group.responses]
    width = max(map(len, rows))
    ids = torch.full((len(rows), width), network.config.pad_token_id)
    for row, values in enumerate(rows):
        ids[row, : len(values)] = torch.tensor(values)
    mask = (ids != network.config.pad_token_id).long()
    found = network(input_ids=ids, attention_mask=mask).logits.squeeze(1)
    torch.testing.assert_close(found, scores, rtol=0, atol=1e-5)


def test_a_saved_reward_model_comes_back_with_its_head_and_bias(
    tiny: Path, groups: list[Group], tmp_path: Path
) -> None:
    reward = load_reward(tiny, "float32", seed=5)
    reward.bias = -0.75
    reward.save_model(tmp_path / "model")
    again = load_reward(tmp_path / "model", "float32", seed=6)
    batch = collate(groups)
    torch.testing.assert_close(again.scores(batch), reward.scores(batch), rtol=0, atol=1e-6)
    assert again.bias == -0.75


def test_a_new_head_has_the_width_s_variance_and_follows_the_seed(tiny: Path) -> None:
    heads = [load_reward(tiny, "float32", seed=seed).head.weight for seed in (1, 1, 2)]
    assert torch.equal(heads[0], heads[1])
    assert not torch.equal(heads[0], heads[2])
    assert heads[0].std().item() == pytest.approx((128 + 1) ** -0.5, rel=0.25)


def test_a_saved_policy_loads_in_transformers_with_its_tokenizer(
    tiny: Path, groups: list[Group], tmp_path: Path
) -> None:
    policy = load_policy(tiny, "float32")
    policy.save_model(tmp_path / "model")
    network = AutoModelForCausalLM.from_pretrained(tmp_path / "model")
    ids = torch.tensor([groups[0].prompt_ids])
    torch.testing.assert_close(network(ids).logits, policy.network(ids).logits, rtol=0, atol=1e-6)
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "model")
    assert tokenizer.chat_template == policy.tokenizer.chat_template
    assert not list((tmp_path / "model").glob("*.bin"))


# --- adapters -----------------------------------------------------------------------------------


def train_a_little(policy: Policy, groups: list[Group], steps: int) -> None:
    optimizer = make_optimizer(policy, TrainConfig(learning_rate=1e-2))
    for _ in range(steps):
        torch.autograd.backward(-policy.logprobs(collate(groups)).mean())
        optimizer.step(1e-2)
        optimizer.zero_grad()


def test_with_adapters_off_the_policy_is_its_reference_exactly(
    tiny: Path, groups: list[Group]
) -> None:
    # padded: both go through transformers, so equal means bit for bit
    base, batch = load_policy(tiny, "float32", layout="padded"), collate(groups)
    adapted = load_policy(tiny, "float32", lora_rank=4, layout="padded")
    expected = base.logprobs(batch)
    assert torch.equal(adapted.logprobs(batch), expected)  # new adapters add nothing
    train_a_little(adapted, groups, steps=10)
    assert float((adapted.logprobs(batch) - expected).abs().max().detach()) > 0.1
    with adapted.reference():
        assert torch.equal(adapted.logprobs(batch), expected)
    assert float((adapted.logprobs(batch) - expected).abs().max().detach()) > 0.1


def test_only_adapters_are_trained_and_never_the_head(tiny: Path) -> None:
    names = [name for name, _ in load_policy(tiny, "float32", lora_rank=4).trainable()]
    assert names
    assert all(".lora_" in name for name in names)
    reward_names = [name for name, _ in load_reward(tiny, "float32", lora_rank=4).trainable()]
    assert [name for name in reward_names if ".lora_" not in name] == ["score.weight"]


def test_a_policy_with_adapters_is_saved_merged(
    tiny: Path, groups: list[Group], tmp_path: Path
) -> None:
    adapted, batch = load_policy(tiny, "float32", lora_rank=4), collate(groups)
    train_a_little(adapted, groups, steps=3)
    before = adapted.logprobs(batch)
    adapted.save_model(tmp_path / "model")
    merged = load_policy(tmp_path / "model", "float32")
    torch.testing.assert_close(merged.logprobs(batch), before, rtol=0, atol=1e-4)
    assert torch.equal(adapted.logprobs(batch), before)  # saving changes nothing
    assert not any("lora" in name for name, _ in merged.network.named_parameters())


def test_without_adapters_there_is_no_reference_inside(tiny: Path) -> None:
    policy = load_policy(tiny, "float32")
    with pytest.raises(RuntimeError, match="adapters"), policy.reference():
        pass


# --- what is refused or handled differently -----------------------------------------------------


@pytest.fixture
def copied(tiny: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny, tmp_path / "copied"))


@pytest.mark.parametrize(
    "name", ["modeling_x.py", "pytorch_model.bin", "training_args.bin", "a.pkl"]
)
def test_a_folder_with_code_or_pickles_is_refused(copied: Path, name: str) -> None:
    (copied / name).write_bytes(b"")
    with pytest.raises(UnusableModel, match=name):
        load_policy(copied)


@pytest.mark.parametrize("name", ["config.json", "tokenizer_config.json"])
def test_a_configuration_that_asks_for_code_is_refused(copied: Path, name: str) -> None:
    settings = json.loads((copied / name).read_text())
    (copied / name).write_text(json.dumps({**settings, "auto_map": {"AutoModel": "x.Y"}}))
    with pytest.raises(UnusableModel, match="auto_map"):
        load_policy(copied)


def test_a_folder_without_weights_or_configuration_is_refused(copied: Path, tmp_path: Path) -> None:
    (copied / "model.safetensors").unlink()
    with pytest.raises(UnusableModel, match="safetensors"):
        load_policy(copied)
    with pytest.raises(UnusableModel, match=r"config\.json"):
        load_policy(tmp_path)


def test_a_folder_that_lacks_weights_is_refused(copied: Path) -> None:
    weights = load_file(copied / "model.safetensors")
    del weights["model.layers.1.mlp.up_proj.weight"]
    save_file(weights, copied / "model.safetensors", metadata={"format": "pt"})
    for load in (load_policy, load_reward):
        with pytest.raises(UnusableModel, match=r"lacks 1 .*layers\.1\.mlp\.up_proj"):
            load(copied)


def test_a_reward_model_is_no_policy(tiny: Path, tmp_path: Path) -> None:
    load_reward(tiny).save_model(tmp_path / "reward")
    with pytest.raises(UnusableModel, match="is a reward model"):
        load_policy(tmp_path / "reward")


def test_padding_is_never_the_end_token(copied: Path) -> None:
    settings = json.loads((copied / "tokenizer_config.json").read_text())
    settings["pad_token"] = settings["eos_token"]
    (copied / "tokenizer_config.json").write_text(json.dumps(settings))
    tokenizer = load_tokenizer(copied)
    assert tokenizer.pad_token == "<|endoftext|>"
    assert load_policy(copied).network.config.pad_token_id == tokenizer.pad_token_id


def test_sliding_windows_fall_back_to_padding(tmp_path: Path, groups: list[Group]) -> None:
    network = MistralForCausalLM(
        MistralConfig(
            vocab_size=VOCABULARY,
            hidden_size=32,
            intermediate_size=64,
            num_hidden_layers=1,
            num_attention_heads=2,
            num_key_value_heads=1,
            sliding_window=4,
        )
    )
    network.save_pretrained(tmp_path)
    make_tiny_tokenizer().save_pretrained(tmp_path)
    policy = load_policy(tmp_path, "float32")
    assert policy.layout == "padded"
    found = sums(policy, collate(groups[:2]))
    expected = [
        logprob_of_alone(policy, group.prompt_ids, response)
        for group in groups[:2]
        for response in group.responses
    ]
    torch.testing.assert_close(found, torch.tensor(expected), rtol=0, atol=1e-4)


def test_dropout_is_off(copied: Path, groups: list[Group]) -> None:
    settings = json.loads((copied / "config.json").read_text())
    (copied / "config.json").write_text(json.dumps({**settings, "attention_dropout": 0.5}))
    policy, batch = load_policy(copied, "float32"), collate(groups)
    policy.network.train()
    assert torch.equal(policy.logprobs(batch), policy.logprobs(batch))


def test_the_weights_hash_follows_the_weights(tiny: Path, other_tiny: Path, copied: Path) -> None:
    assert weights_hash(tiny) == weights_hash(copied)
    assert weights_hash(tiny) != weights_hash(other_tiny)


def test_bfloat16_is_near_float32(tiny: Path, groups: list[Group]) -> None:
    batch = collate(groups)
    exact = load_policy(tiny, "float32").logprobs(batch)
    rounded = load_policy(tiny, "bfloat16").logprobs(batch)
    assert rounded.dtype == torch.float32
    assert float((rounded - exact).abs().max().detach()) < 0.05
