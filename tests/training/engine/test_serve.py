"""A served checkpoint: the OpenAI-style interface, its door, and its end."""

import http.client
import json
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from training.engine.data import prompt_ids
from training.engine.generation import Generated, generate
from training.engine.modeling import load_policy, load_tokenizer

pytestmark = pytest.mark.processes

ROOT = Path(__file__).resolve().parents[3]
MESSAGES = [{"role": "user", "content": "Yes, no?"}]


def start(folder: Path, key: str) -> "subprocess.Popen[bytes]":
    process = subprocess.Popen(
        [sys.executable, "-m", "training.engine.serve", str(folder)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdin is not None
    process.stdin.write(f"{key}\n".encode())
    process.stdin.flush()
    return process


class Served:
    def __init__(self, folder: Path, key: str) -> None:
        self.key = key
        self.process = start(folder, key)
        assert self.process.stdout is not None
        ready = json.loads(self.process.stdout.readline())
        self.port, self.model = ready["port"], ready["model"]

    def ask(
        self, body: Any, path: str = "/v1/chat/completions", key: str | None = None
    ) -> tuple[int, dict[str, Any]]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        headers = {
            "Authorization": f"Bearer {self.key if key is None else key}",
            "Content-Type": "application/json",
        }
        connection.request("POST", path, json.dumps(body).encode(), headers)
        response = connection.getresponse()
        answer: dict[str, Any] = json.loads(response.read())
        connection.close()
        return response.status, answer

    def body(self, **more: Any) -> dict[str, Any]:
        """What `annotation.chat.client` sends."""
        return {"model": self.model, "messages": MESSAGES, "n": 1, "stream": False} | more


@pytest.fixture(scope="module")
def served(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("models") / "with@sign and blank"
    shutil.copytree(tiny, folder)
    one = Served(folder, "secret")
    yield one
    one.process.kill()
    one.process.wait()


def likeliest(folder: Path, max_tokens: int) -> Generated:
    policy = load_policy(folder, "float32")
    ids = prompt_ids(policy.tokenizer, MESSAGES)
    return next(
        generate(
            policy,
            policy.tokenizer,
            [ids],
            max_new_tokens=max_tokens,
            temperature=0.0,
            batch_size=1,
            seeds=[0],
        )
    )


def test_an_answer_is_what_the_engine_writes(served: Served, tiny: Path) -> None:
    """The same text from another implementation: the prompt is encoded alike, and ends alike."""
    status, answer = served.ask(served.body(max_tokens=8, temperature=0))
    assert status == 200
    choice, expected = answer["choices"][0], likeliest(tiny, 8)
    assert choice["finish_reason"] == ("length" if expected.is_truncated else "stop")
    text = load_tokenizer(tiny).decode(expected.ids, skip_special_tokens=True)
    assert choice["message"]["content"] == text
    assert answer["usage"]["completion_tokens"] == len(expected.ids)


def test_requests_at_the_same_time_are_all_answered_and_differ(served: Served) -> None:
    """Drawn from the whole distribution: of a model that knows nothing, no two are alike."""
    answers: list[tuple[int, dict[str, Any]]] = []
    body = served.body(max_tokens=12, temperature=1.0)
    threads = [threading.Thread(target=lambda: answers.append(served.ask(body))) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [status for status, _ in answers] == [200] * 12
    texts = {answer["choices"][0]["message"]["content"] for _, answer in answers}
    assert len(texts) == 12


@pytest.mark.parametrize("more", [{"model": "other"}, {"unheard_of": 1}])
def test_another_model_or_field_is_refused(served: Served, more: dict[str, Any]) -> None:
    status, answer = served.ask(served.body(**more))
    assert 400 <= status < 500
    assert answer["detail"]


@pytest.mark.parametrize("path", ["/load_model", "/reset", "/v1/completions", "/health", "/docs"])
def test_there_is_only_the_chat(served: Served, path: str) -> None:
    assert served.ask(served.body(), path=path)[0] == 404


def test_nobody_asks_without_the_key(served: Served) -> None:
    for key in ("", "other"):
        assert served.ask(served.body(), key=key)[0] == 401


@pytest.mark.parametrize("lacking", ["config.json", "chat_template.jinja", "model.safetensors"])
def test_a_folder_that_cannot_be_chatted_with_is_refused_in_words(
    tiny: Path, tmp_path: Path, lacking: str
) -> None:
    folder = tmp_path / "model"
    shutil.copytree(tiny, folder)
    (folder / lacking).unlink()
    process = start(folder, "secret")
    assert process.wait(timeout=120) == 1  # its stdin is still open
    said, told = process.communicate()
    assert said == b""
    assert b"Traceback" not in told
    assert len(told.strip().splitlines()[-1]) > 20


def test_it_ends_with_its_parents_pipe(tiny: Path) -> None:
    one = Served(tiny, "secret")
    assert one.process.stdin is not None
    one.process.stdin.close()
    assert one.process.wait(timeout=20) != 0
