import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor

from training.engine import checkpoints
from training.engine.checkpoints import Damaged, NotSaved, Progress
from training.engine.rundir import RunDir, whole_lines

CPU = torch.device("cpu")
WEIGHTS = {"a.weight": torch.arange(6.0).reshape(2, 3), "b.weight": torch.tensor([1e-30, -0.0])}
MOMENTS = {"a.weight/exp_avg": torch.ones(2, 3), "a.weight/step": torch.tensor(4.0)}


@pytest.fixture
def run(tmp_path: Path) -> RunDir:
    return RunDir(tmp_path, attempt=2)


def save(run: RunDir, step: int, identity: str = "mine") -> Path:
    progress = Progress(step=step, epoch=1, index=step, metrics={"test_loss_before": 0.7})
    weights = {name: tensor + step for name, tensor in WEIGHTS.items()}
    return checkpoints.save(run, f"step-{step:06d}", identity, progress, weights, MOMENTS)


def loaded_step(run: RunDir, identity: str = "mine") -> int | None:
    restored = checkpoints.load_latest(run, identity, CPU)
    return None if restored is None else restored.progress.step


def test_what_was_saved_comes_back_bit_for_bit(run: RunDir) -> None:
    torch.manual_seed(11)
    save(run, 4)
    expected = torch.rand(3)  # the saved random state gives these numbers next
    torch.manual_seed(12)
    restored = checkpoints.load_latest(run, "mine", CPU)
    assert restored is not None
    assert restored.progress == Progress(4, 1, 4, {"test_loss_before": 0.7})
    assert restored.weights.keys() == WEIGHTS.keys()
    assert all(torch.equal(restored.weights[name], WEIGHTS[name] + 4) for name in WEIGHTS)
    assert all(torch.equal(restored.optimizer[name], MOMENTS[name]) for name in MOMENTS)
    assert torch.equal(torch.rand(3), expected)
    assert not restored.is_final


def test_the_newest_is_taken_and_nothing_is_taken_from_nothing(run: RunDir) -> None:
    assert loaded_step(run) is None
    for step in (5, 1_000_000, 20):
        save(run, step)
    assert loaded_step(run) == 1_000_000


def cut(path: Path) -> None:
    weights = path / "weights.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1])


def flip(path: Path) -> None:
    weights = path / "weights.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(bytes(content))


def lose(path: Path) -> None:
    (path / "optimizer.safetensors").unlink()


def add(path: Path) -> None:
    (path / "more.safetensors").write_bytes(b"")


def unmanifest(path: Path) -> None:
    (path / "manifest.json").unlink()


def garble(path: Path) -> None:
    (path / "manifest.json").write_text('{"files": {')


def age(path: Path) -> None:
    manifest = json.loads((path / "manifest.json").read_text())
    (path / "manifest.json").write_text(json.dumps({**manifest, "format": 0}))


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (cut, "another size"),
        (flip, "was altered"),
        (lose, "missing or were added (optimizer.safetensors)"),
        (add, "missing or were added (more.safetensors)"),
        (unmanifest, "manifest cannot be read"),
        (garble, "manifest cannot be read"),
        (age, "another version"),
    ],
)
def test_a_damaged_checkpoint_is_passed_over_for_the_one_before(
    run: RunDir, capsys: pytest.CaptureFixture[str], damage: Callable[[Path], None], says: str
) -> None:
    save(run, 3)
    damage(save(run, 6))
    assert loaded_step(run) == 3
    message = capsys.readouterr().out
    assert "Not resuming from step-000006" in message
    assert says in message


def test_a_checkpoint_of_something_else_is_refused(run: RunDir) -> None:
    path = save(run, 3, identity="theirs")
    assert loaded_step(run) is None
    with pytest.raises(Damaged, match="belongs to another run"):
        checkpoints.verify(path, "mine")


def test_the_identity_follows_settings_weights_and_data() -> None:
    config = {"run": 1, "algorithm": "dpo", "config": {"seed": 0}}
    first = checkpoints.identity(config, {"policy": "w"}, {"train": "d"})
    assert first == checkpoints.identity(dict(config), {"policy": "w"}, {"train": "d"})
    others = {
        checkpoints.identity({**config, "run": 2}, {"policy": "w"}, {"train": "d"}),
        checkpoints.identity({**config, "config": {"seed": 1}}, {"policy": "w"}, {"train": "d"}),
        checkpoints.identity(config, {"policy": "x"}, {"train": "d"}),
        checkpoints.identity(config, {"policy": "w"}, {"train": "e"}),
    }
    assert len(others) == 4
    assert first not in others


def test_old_checkpoints_go_only_after_the_new_one_was_read_back(run: RunDir) -> None:
    for step in (1, 2, 3):
        save(run, step)
    newest = save(run, 4)
    flip(newest)
    with pytest.raises(Damaged):
        checkpoints.prune(run, newest, "mine", keep=1)
    assert len(checkpoints.candidates(run)) == 4
    shutil.rmtree(newest)
    checkpoints.prune(run, save(run, 4), "mine", keep=1)
    assert [path.name for path in checkpoints.candidates(run)] == ["step-000004", "step-000003"]


def test_without_room_the_save_fails_in_words_and_leaves_nothing(
    run: RunDir, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(run, 1)
    usage = shutil.disk_usage(run.path)._replace(free=10 * 2**20)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)
    with pytest.raises(NotSaved, match=r"needs 0\.1 GiB, but only 0\.0 GiB are free"):
        save(run, 2)
    assert loaded_step(run) == 1


@pytest.mark.parametrize("failing", ["weights", "optimizer", "manifest"])
def test_a_disk_that_fills_up_during_a_save_breaks_nothing_old(
    run: RunDir, monkeypatch: pytest.MonkeyPatch, failing: str
) -> None:
    save(run, 1)
    save_file, write_synced = checkpoints.save_file, checkpoints.write_synced
    full = OSError(28, "No space left on device")

    def save_until_full(tensors: dict[str, Tensor], path: Path) -> None:
        save_file(tensors, path)
        if path.stem == failing:
            raise full

    def write_until_full(path: Path, text: str) -> None:
        if path.stem == failing:
            raise full
        write_synced(path, text)

    monkeypatch.setattr(checkpoints, "save_file", save_until_full)
    monkeypatch.setattr(checkpoints, "write_synced", write_until_full)
    with pytest.raises(NotSaved, match="No space left on device"):
        save(run, 2)
    assert [path.name for path in run.checkpoints_dir.iterdir()] == ["step-000001"]
    monkeypatch.undo()
    save(run, 2)
    assert loaded_step(run) == 2


def test_leftovers_of_a_crash_are_swept(run: RunDir) -> None:
    kept = save(run, 1)
    for name in (".step-000002.tmp", ".step-000000.old"):
        (run.checkpoints_dir / name).mkdir()
        (run.checkpoints_dir / name / "weights.safetensors").write_bytes(b"")
    assert loaded_step(run) == 1
    checkpoints.sweep(run)
    assert list(run.checkpoints_dir.iterdir()) == [kept]


def test_a_final_checkpoint_with_its_model_comes_before_the_steps(run: RunDir) -> None:
    save(run, 5)

    def save_model(folder: Path) -> None:
        folder.mkdir()
        (folder / "config.json").write_text("{}")

    path = checkpoints.save(
        run, checkpoints.FINAL, "mine", Progress(step=5), WEIGHTS, MOMENTS, save_model
    )
    restored = checkpoints.load_latest(run, "mine", CPU)
    assert restored is not None
    assert restored.is_final
    assert "model/config.json" in restored.manifest["files"]
    (path / "model" / "config.json").write_text("[]")
    assert loaded_step(run) == 5
    with pytest.raises(Damaged, match=r"model/config\.json was altered"):
        checkpoints.verify(path, "mine")


def test_a_checkpoint_is_announced_with_its_place_size_and_hash(run: RunDir) -> None:
    path = save(run, 3)
    checkpoints.announce(run, path, "reward", is_adapter=True)
    ((event,), _) = whole_lines(run.events_path, 0)
    files = [file for file in path.iterdir() if file.name != "manifest.json"]
    assert event | {"time": 0} == {
        "event": "checkpoint",
        "time": 0,
        "step": 3,
        "path": "checkpoints/step-000003",
        "role": "reward",
        "is_final": False,
        "is_adapter": True,
        "sha256": checkpoints.file_hash(path / "manifest.json"),
        "size_bytes": sum(file.stat().st_size for file in files),
    }
    assert checkpoints.read_manifest(path)["attempt"] == 2
