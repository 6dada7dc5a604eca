"""How `annotation/demo/responses.jsonl` was made: the demo model answers the demo's prompts twice.

    .venv/bin/python scripts/sample_demo.py MODEL_FOLDER

Each prompt is answered from several seeds at temperature 0.6; the first two answers that end by
themselves, say something and differ are kept. A prompt for which there are not two is named and
left out. People read the file through before it was committed, took one prompt out whose answers
said nothing, and dealt the rest out so that kinds of question take turns.
"""

import argparse
import json
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

DEMO = Path(__file__).resolve().parent.parent / "annotation" / "demo"
TEMPERATURE = 0.6
TOP_P = 0.95
MAX_NEW_TOKENS = 160
SEEDS = range(6)
WANTED = 2


def answers(
    model: Any, tokenizer: Any, conversations: list[list[dict[str, str]]], seed: int
) -> list[str | None]:
    """One answer for each conversation; None where it did not end within MAX_NEW_TOKENS."""
    texts = [
        tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
        for messages in conversations
    ]
    batch = tokenizer(texts, return_tensors="pt", padding=True, add_special_tokens=False)
    torch.manual_seed(seed)
    with torch.inference_mode():
        output = model.generate(
            **batch,
            do_sample=True,
            temperature=TEMPERATURE,
            top_k=0,
            top_p=TOP_P,
            max_new_tokens=MAX_NEW_TOKENS,
        )
    found: list[str | None] = []
    for tokens in output[:, batch["input_ids"].shape[1] :].tolist():
        if tokenizer.eos_token_id in tokens:
            whole = tokens[: tokens.index(tokenizer.eos_token_id)]
            found.append(tokenizer.decode(whole, skip_special_tokens=False).strip())
        else:
            found.append(None)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description="Sample the demo's responses.")
    parser.add_argument("model", type=Path)
    folder = parser.parse_args().model
    tokenizer = AutoTokenizer.from_pretrained(folder, padding_side="left")
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    prompts = [json.loads(line) for line in (DEMO / "prompts.jsonl").read_text().splitlines()]
    kept: dict[str, list[dict[str, Any]]] = {prompt["external_id"]: [] for prompt in prompts}
    for seed in SEEDS:
        open_prompts = [p for p in prompts if len(kept[p["external_id"]]) < WANTED]
        if not open_prompts:
            break
        texts = answers(model, tokenizer, [p["messages"] for p in open_prompts], seed)
        for prompt, text in zip(open_prompts, texts, strict=True):
            rows = kept[prompt["external_id"]]
            if text and len(text) > 1 and text not in [row["text"] for row in rows]:
                rows.append({"external_id": prompt["external_id"], "seed": seed, "text": text})
    with (DEMO / "responses.jsonl").open("w", encoding="utf-8") as lines:
        for external_id, rows in kept.items():
            if len(rows) < WANTED:
                print(f"left out: {external_id} has {len(rows)} answers")
                continue
            for row in rows:
                lines.write(json.dumps(row, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
