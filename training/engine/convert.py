"""GGUF file → Hugging Face folder: `python -m training.engine.convert FILE.gguf FOLDER`.

The quantised weights are unpacked to float32 and written as safetensors, with the tokenizer and
its chat template beside them. Nothing is resized: the padding token must already be in the
vocabulary, and must not be the token that ends a response (else padding would be trained as an
ending, or endings masked as padding).
With --supervised it ends when its stdin does.

Each step is one JSON line on stdout, `{"progress": 0 … 1, "text": "…"}`, so that whoever started
this process can show how far it is. Exit code 2 and one sentence on stderr: the file is not usable.
"""

import argparse
import json
import shutil
import sys
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, GenerationConfig, PreTrainedModel

from training.engine import lifeline


class NotConvertible(ValueError):
    """The file cannot become a checkpoint; the message says why."""


def report(progress: float, text: str) -> None:
    print(json.dumps({"progress": progress, "text": text}), flush=True)


def convert(gguf: Path, folder: Path, pad: str) -> None:
    """Write `folder` (which must not exist) from `gguf`; raise NotConvertible."""
    if folder.exists():
        raise NotConvertible(f"{folder} exists already; delete it to convert again")
    report(0.0, "Reading the tokenizer")
    tokenizer = AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name)
    if not tokenizer.chat_template:
        raise NotConvertible(f"{gguf.name} carries no chat template")
    pad_id = tokenizer.convert_tokens_to_ids(pad)
    if pad_id is None or pad_id == tokenizer.unk_token_id and pad != tokenizer.unk_token:
        raise NotConvertible(f"{gguf.name} has no token {pad!r} in its vocabulary")
    if pad_id == tokenizer.eos_token_id:
        raise NotConvertible(f"{pad!r} ends a response, so it cannot be the padding token as well")
    tokenizer.pad_token = pad

    report(0.1, "Unpacking the weights")
    loaded = AutoModelForCausalLM.from_pretrained(
        gguf.parent, gguf_file=gguf.name, dtype=torch.float32
    )
    report(0.6, "Building the model")
    model = without_quantization(loaded)
    model.config.pad_token_id = pad_id
    model.config.eos_token_id = tokenizer.eos_token_id
    model.config.bos_token_id = tokenizer.bos_token_id
    model.generation_config = GenerationConfig(
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=pad_id,
    )

    report(0.7, "Writing the weights")
    aside = folder.with_name(folder.name + ".part")
    shutil.rmtree(aside, ignore_errors=True)
    model.save_pretrained(aside)
    tokenizer.save_pretrained(aside)
    aside.rename(folder)  # complete or not there
    report(1.0, "Converted")


def without_quantization(loaded: PreTrainedModel) -> PreTrainedModel:
    """The same weights in a fresh model: a model that came from GGUF refuses to be saved."""
    config = loaded.config
    if hasattr(config, "quantization_config"):
        del config.quantization_config
    with torch.device("meta"):
        model = type(loaded)(config)
    model.load_state_dict(loaded.state_dict(), assign=True)
    model.tie_weights()
    return model


def main() -> int:
    parser = argparse.ArgumentParser(description="Turn a GGUF file into a Hugging Face folder.")
    parser.add_argument("gguf", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--pad", default="<|endoftext|>", help="a token of the vocabulary")
    parser.add_argument("--supervised", action="store_true", help="end when stdin does")
    options = parser.parse_args()
    if options.supervised:
        lifeline.hold()
    if not options.gguf.is_file():
        print(f"There is no file {options.gguf}.", file=sys.stderr)
        return 2
    try:
        convert(options.gguf, options.folder, options.pad)
    except NotConvertible as problem:
        print(f"{problem}.", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
