"""A GGUF file becomes an ordinary folder that computes the same."""

from pathlib import Path

import gguf
import numpy as np
import pytest
import torch
from tokenizers.pre_tokenizers import ByteLevel
from transformers import AutoModelForCausalLM, AutoTokenizer

from training.engine.convert import NotConvertible, convert

PAD, START, END = "<|endoftext|>", "<|im_start|>", "<|im_end|>"
TEMPLATE = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n"
    "{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
WIDTH, LAYERS, HEADS, INNER = 16, 2, 2, 32


def write_gguf(path: Path, template: str = TEMPLATE) -> Path:
    """A random two-layer Llama with a byte vocabulary, tied embeddings, in GGUF."""
    tokens = [PAD, START, END, *sorted(ByteLevel.alphabet()), "he"]
    writer = gguf.GGUFWriter(str(path), "llama")
    writer.add_context_length(64)
    writer.add_embedding_length(WIDTH)
    writer.add_block_count(LAYERS)
    writer.add_feed_forward_length(INNER)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(1)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_freq_base(10000.0)
    writer.add_vocab_size(len(tokens))
    writer.add_tokenizer_model("gpt2")
    writer.add_token_list(tokens)
    writer.add_token_types([3, 3, 3] + [1] * (len(tokens) - 3))
    writer.add_token_merges(["h e"])
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_unk_token_id(0)
    if template:
        writer.add_chat_template(template)
    random = np.random.default_rng(0)

    def add(name: str, *shape: int) -> None:
        writer.add_tensor(name, random.normal(0, 0.5, shape).astype(np.float32))

    add("token_embd.weight", len(tokens), WIDTH)
    for layer in range(LAYERS):
        add(f"blk.{layer}.attn_q.weight", WIDTH, WIDTH)
        add(f"blk.{layer}.attn_k.weight", WIDTH // HEADS, WIDTH)
        add(f"blk.{layer}.attn_v.weight", WIDTH // HEADS, WIDTH)
        add(f"blk.{layer}.attn_output.weight", WIDTH, WIDTH)
        add(f"blk.{layer}.ffn_gate.weight", INNER, WIDTH)
        add(f"blk.{layer}.ffn_up.weight", INNER, WIDTH)
        add(f"blk.{layer}.ffn_down.weight", WIDTH, INNER)
        add(f"blk.{layer}.attn_norm.weight", WIDTH)
        add(f"blk.{layer}.ffn_norm.weight", WIDTH)
    add("output_norm.weight", WIDTH)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def test_the_folder_computes_what_the_file_computes(tmp_path: Path) -> None:
    file = write_gguf(tmp_path / "tiny.gguf")
    convert(file, tmp_path / "made", PAD)
    assert not (tmp_path / "made.part").exists()
    assert list((tmp_path / "made").glob("*.safetensors"))

    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "made")
    assert (tokenizer.pad_token_id, tokenizer.eos_token_id) == (0, 2)
    turn = [{"role": "user", "content": "hey"}]
    shown = tokenizer.apply_chat_template(turn, tokenize=False, add_generation_prompt=True)
    assert shown == "<|im_start|>user\nhey<|im_end|>\n<|im_start|>assistant\n"
    ids = tokenizer(shown, add_special_tokens=False, return_tensors="pt")["input_ids"]
    assert tokenizer.decode(ids[0]) == shown
    assert ids[0, 0] == 1

    made = AutoModelForCausalLM.from_pretrained(tmp_path / "made", dtype=torch.float32)
    original = AutoModelForCausalLM.from_pretrained(
        tmp_path, gguf_file="tiny.gguf", dtype=torch.float32
    )
    assert made.config.pad_token_id == 0
    assert made.generation_config.eos_token_id == 2
    assert not hasattr(made.config, "quantization_config")
    with torch.no_grad():
        torch.testing.assert_close(made(ids).logits, original(ids).logits, rtol=0, atol=0)


@pytest.mark.parametrize(
    ("template", "pad", "reason"),
    [
        (TEMPLATE, END, "cannot be the padding token"),
        (TEMPLATE, "<|absent|>", "no token"),
        ("", PAD, "no chat template"),
    ],
)
def test_a_file_that_would_train_wrongly_is_refused(
    tmp_path: Path, template: str, pad: str, reason: str
) -> None:
    file = write_gguf(tmp_path / "tiny.gguf", template)
    with pytest.raises(NotConvertible, match=reason):
        convert(file, tmp_path / "made", pad)
    assert not list(tmp_path.glob("made*"))


def test_what_is_there_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "made").mkdir()
    with pytest.raises(NotConvertible, match="exists already"):
        convert(tmp_path / "tiny.gguf", tmp_path / "made", PAD)
