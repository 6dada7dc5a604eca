"""TRL's own DPO data preparation takes the exports as they are and drops no row."""

from pathlib import Path
from typing import Any

import datasets
import pytest
from transformers import AutoModelForCausalLM, AutoTokenizer
from trl import DPOConfig, DPOTrainer

from annotation.exports import EXPORTS
from annotation.exports.writer import write_export
from annotation.models import Project
from tests.training.engine.tiny import make_tiny_llama

pytestmark = pytest.mark.django_db


def prepared(path: Path, builder: str, folder: Path) -> Any:
    """What TRL's own DPO data preparation makes of the file."""
    weights = make_tiny_llama(folder / "tiny")
    model = AutoModelForCausalLM.from_pretrained(weights)
    tokenizer = AutoTokenizer.from_pretrained(weights)
    loaded = datasets.load_dataset(
        builder, data_files=str(path), split="train", cache_dir=str(folder / "cache")
    )
    config = DPOConfig(
        output_dir=str(folder / "trl"),
        max_length=512,
        report_to=[],
        use_cpu=True,
        bf16=False,
        per_device_train_batch_size=2,
    )
    trainer = DPOTrainer(model, args=config, train_dataset=loaded, processing_class=tokenizer)
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
