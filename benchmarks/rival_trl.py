"""TRL 1.16 (DPO, reward model) and transformers, each in a process of its own.

TRL at its best settings for a processor: bfloat16 autocast, no gradient checkpointing, reference
log-probabilities computed once, batches alike in length, fused AdamW. It is handed token ids, so
that both sides see the same tokens, and the batches in the same order.
"""

import json
import resource
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from transformers import (
    AutoModelForCausalLM,
    AutoModelForSequenceClassification,
    AutoTokenizer,
)
from trl import DPOConfig, DPOTrainer, RewardConfig, RewardTrainer


def main() -> None:
    task, work = sys.argv[1], json.loads(Path(sys.argv[2]).read_text())
    torch.set_num_threads(work["threads"])
    tasks = {"dpo": run_dpo, "reward": run_reward, "sample": run_sample, "exact": run_exact}
    result = tasks[task](work)
    print(json.dumps({"peak_gib": peak_gib()} | result))


def peak_gib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def keep(model: Any, tokenizer: Any, folder: str) -> None:
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def common(work: dict[str, Any], folder: str) -> dict[str, Any]:
    return {
        "output_dir": folder,
        "bf16": work["dtype"] == "bfloat16",
        "gradient_checkpointing": False,
        "per_device_train_batch_size": work["batch_size"],
        "train_sampling_strategy": "sequential",
        "num_train_epochs": 1,
        "learning_rate": work["learning_rate"],
        "lr_scheduler_type": "constant",
        "optim": "adamw_torch_fused",
        "max_length": None,
        "use_cpu": True,
        "report_to": [],
        "save_strategy": "no",
        "logging_strategy": "no",
        "disable_tqdm": True,
        "dataloader_drop_last": False,
    }


def rows_of(work: dict[str, Any]) -> list[dict[str, list[int]]]:
    return [
        {"prompt_ids": prompt, "chosen_ids": chosen, "rejected_ids": rejected}
        for batch in work["batches"]
        for prompt, chosen, rejected in batch
    ]


def keeping_losses(trainer_class: Any) -> Any:
    """The trainer, with the loss of every step kept as it is computed."""

    class Kept(trainer_class):  # type: ignore[misc]
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            self.kept: list[float] = []
            super().__init__(*args, **kwargs)

        def _prepare_dataset(self, dataset: Any, *args: Any, **kwargs: Any) -> Any:
            return dataset  # it is token ids already

        def training_step(self, *args: Any, **kwargs: Any) -> Any:
            loss = super().training_step(*args, **kwargs)
            self.kept.append(float(loss))
            return loss

    return Kept


def run_dpo(work: dict[str, Any]) -> dict[str, Any]:
    tokenizer = AutoTokenizer.from_pretrained(work["model"])
    model = AutoModelForCausalLM.from_pretrained(work["model"], dtype=torch.float32)
    with tempfile.TemporaryDirectory() as folder:
        config = DPOConfig(
            **common(work, folder),
            beta=0.1,
            precompute_ref_log_probs=True,
            precompute_ref_batch_size=work["batch_size"],
        )
        data = Dataset.from_list(rows_of(work))
        began = time.perf_counter()
        trainer = keeping_losses(DPOTrainer)(
            model=model, args=config, train_dataset=data, processing_class=tokenizer
        )
        trainer.train()
        seconds, peak = time.perf_counter() - began, peak_gib()
    keep(model, tokenizer, work["save"])
    reference = trainer.train_dataset
    pairs = list(zip(reference["ref_chosen_logps"], reference["ref_rejected_logps"], strict=True))
    size = work["batch_size"]
    return {
        "seconds": seconds,
        "peak_gib": peak,
        "losses": trainer.kept,
        "logprobs": [pairs[i : i + size] for i in range(0, len(pairs), size)],
    }


@torch.no_grad()
def run_exact(work: dict[str, Any]) -> dict[str, Any]:
    """The responses' summed log-probabilities in float64: what both sides' float32 is off from."""
    model = AutoModelForCausalLM.from_pretrained(work["model"], dtype=torch.float64).eval()

    def summed(prompt: list[int], response: list[int]) -> float:
        logits = model(torch.tensor([prompt + response])).logits[0, len(prompt) - 1 : -1]
        chosen = logits.log_softmax(-1).gather(1, torch.tensor(response)[:, None])
        return float(chosen.sum())

    logprobs = [
        [[summed(prompt, chosen), summed(prompt, rejected)] for prompt, chosen, rejected in batch]
        for batch in work["batches"]
    ]
    return {"logprobs": logprobs}


def run_reward(work: dict[str, Any]) -> dict[str, Any]:
    tokenizer = AutoTokenizer.from_pretrained(work["model"])
    model = AutoModelForSequenceClassification.from_pretrained(
        work["model"], num_labels=1, dtype=torch.float32
    )
    rows = [
        {
            "chosen_ids": row["prompt_ids"] + row["chosen_ids"],
            "rejected_ids": row["prompt_ids"] + row["rejected_ids"],
        }
        for row in rows_of(work)
    ]
    with tempfile.TemporaryDirectory() as folder:
        config = RewardConfig(**common(work, folder))
        began = time.perf_counter()
        trainer = keeping_losses(RewardTrainer)(
            model=model,
            args=config,
            train_dataset=Dataset.from_list(rows),
            processing_class=tokenizer,
        )
        trainer.train()
        seconds, peak = time.perf_counter() - began, peak_gib()
    keep(model, tokenizer, work["save"])
    return {"seconds": seconds, "peak_gib": peak, "losses": trainer.kept}


def run_sample(work: dict[str, Any]) -> dict[str, Any]:
    """Batches of prompts alike in length, padded on the left; tokens up to EOS are counted."""
    tokenizer = AutoTokenizer.from_pretrained(work["model"])
    dtype = getattr(torch, work["dtype"])
    model = AutoModelForCausalLM.from_pretrained(work["model"], dtype=dtype)
    torch.manual_seed(0)
    ends, pad, limit = tokenizer.eos_token_id, tokenizer.pad_token_id, work["max_new_tokens"]
    ending = {"min_new_tokens": limit} if work["equal"] else {"eos_token_id": ends}
    prompts = sorted(work["prompts"], key=len)
    began = time.perf_counter()
    tokens = 0
    for start in range(0, len(prompts), work["batch_size"]):
        batch = prompts[start : start + work["batch_size"]]
        width = max(map(len, batch))
        ids = torch.tensor([[pad] * (width - len(p)) + p for p in batch])
        mask = torch.tensor([[0] * (width - len(p)) + [1] * len(p) for p in batch])
        written = model.generate(
            ids,
            attention_mask=mask,
            do_sample=True,
            temperature=1.0,
            top_k=0,
            top_p=1.0,
            max_new_tokens=limit,
            pad_token_id=pad,
            **ending,
        )[:, width:].tolist()
        for row in written:
            over = not work["equal"] and ends in row
            tokens += row.index(ends) + 1 if over else len(row)
    return {"seconds": time.perf_counter() - began, "tokens": tokens}


if __name__ == "__main__":
    main()
