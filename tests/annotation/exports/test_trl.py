"""TRL's own data preparation takes the exports as they are and drops no row."""

from pathlib import Path
from typing import Any

import datasets
import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer
from trl import DPOConfig, DPOTrainer, KTOConfig, KTOTrainer, SFTConfig, SFTTrainer

from annotation.exports import EXPORTS
from annotation.exports.writer import write_export
from annotation.models import Project
from tests.training.engine.tiny import make_tiny_llama

pytestmark = pytest.mark.django_db


TRAINERS: dict[str, Any] = {
    "dpo": (DPOTrainer, DPOConfig),
    "kto": (KTOTrainer, KTOConfig),
    "sft": (SFTTrainer, SFTConfig),
}


def prepared(path: Path, builder: str, folder: Path, method: str = "dpo") -> Any:
    """What TRL's own data preparation makes of the file."""
    weights = make_tiny_llama(folder / "tiny")
    model = AutoModelForCausalLM.from_pretrained(weights)
    tokenizer = AutoTokenizer.from_pretrained(weights)
    loaded = datasets.load_dataset(
        builder, data_files=str(path), split="train", cache_dir=str(folder / "cache")
    )
    trainer_class, config_class = TRAINERS[method]
    config = config_class(
        output_dir=str(folder / "trl"),
        max_length=512,
        report_to=[],
        use_cpu=True,
        bf16=False,
        per_device_train_batch_size=2,
    )
    trainer = trainer_class(model, args=config, train_dataset=loaded, processing_class=tokenizer)
    return loaded, trainer, tokenizer


@pytest.mark.parametrize(("suffix", "builder"), [("jsonl", "json"), ("parquet", "parquet")])
@pytest.mark.parametrize("format_slug", ["trl_preference", "trl_implicit"])
def test_trl_prepares_every_row_for_dpo(
    format_slug: str, suffix: str, builder: str, judged_project: Project, tmp_path: Path
) -> None:
    path = tmp_path / f"{format_slug}.{suffix}"
    manifest = write_export(judged_project, format_slug, path)
    loaded, trainer, tokenizer = prepared(path, builder, tmp_path)
    assert len(trainer.train_dataset) == len(loaded) == manifest["rows"] == 5
    for row in trainer.train_dataset:
        assert row["prompt_ids"]
        assert row["chosen_ids"] != row["rejected_ids"]
    assert "better 1" in tokenizer.decode(trainer.train_dataset[1]["chosen_ids"])
    assert "worse 1" in tokenizer.decode(trainer.train_dataset[1]["rejected_ids"])
    batch = next(iter(trainer.get_train_dataloader()))
    assert not set(batch) & set(EXPORTS[format_slug].SCHEMA.names)  # our own columns are dropped


SUFFIXES = [("jsonl", "json"), ("parquet", "parquet")]


@pytest.mark.parametrize(("suffix", "builder"), SUFFIXES)
def test_trl_prepares_every_row_for_kto(
    suffix: str, builder: str, whole_project: Project, tmp_path: Path
) -> None:
    path = tmp_path / f"trl_unpaired.{suffix}"
    manifest = write_export(whole_project, "trl_unpaired", path)
    loaded, trainer, tokenizer = prepared(path, builder, tmp_path, "kto")
    assert len(trainer.train_dataset) == len(loaded) == manifest["rows"] == 4
    said = {
        tokenizer.decode(row["completion_ids"], skip_special_tokens=True).strip(): row["label"]
        for row in trainer.train_dataset
    }
    assert (said["Seven."], said["Nine."]) == (True, False)
    assert all(
        "Name a prime." in tokenizer.decode(r["prompt_ids"])
        for r in trainer.train_dataset
        if "Seven." in tokenizer.decode(r["completion_ids"])
    )
    batch = next(iter(trainer.get_train_dataloader()))
    assert batch["label"].dtype is torch.bool
    assert not set(batch) & (set(EXPORTS["trl_unpaired"].SCHEMA.names) - {"label"})


@pytest.mark.parametrize(("suffix", "builder"), SUFFIXES)
def test_trl_prepares_every_row_for_sft(
    suffix: str, builder: str, whole_project: Project, tmp_path: Path
) -> None:
    path = tmp_path / f"sft_messages.{suffix}"
    manifest = write_export(whole_project, "sft_messages", path)
    loaded, trainer, tokenizer = prepared(path, builder, tmp_path, "sft")
    assert len(trainer.train_dataset) == len(loaded) == manifest["rows"] == 2
    texts = [tokenizer.decode(row["input_ids"]) for row in trainer.train_dataset]
    assert all("Why is the sky blue?" in text for text in texts)
    assert "Air scatters blue most." in texts[0]
    batch = next(iter(trainer.get_train_dataloader()))
    assert not set(batch) & set(EXPORTS["sft_messages"].SCHEMA.names)
