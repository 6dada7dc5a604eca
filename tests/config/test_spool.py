"""The folder of messages under several writers and readers: each message once, whole."""

import subprocess
import sys
from pathlib import Path
from queue import Empty

import pytest
from kombu import Connection

WRITER_OR_READER = """
import sys
from queue import Empty
from kombu import Connection
from kombu.transport import TRANSPORT_ALIASES

TRANSPORT_ALIASES["spool"] = "config.spool:Transport"
what, folder, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
options = {
    "data_folder_in": folder + "/queue", "data_folder_out": folder + "/queue",
    "control_folder": folder + "/control", "polling_interval": 0.005,
}
with Connection("spool://localhost", transport_options=options) as connection:
    queue = connection.SimpleQueue("train")
    if what == "write":
        for number in range(count):
            queue.put({"name": sys.argv[4], "number": number})
    else:
        try:
            while True:
                message = queue.get(timeout=3)
                print(message.payload["name"], message.payload["number"], flush=True)
                message.ack()
        except queue.Empty:
            pass
"""


def test_every_message_is_read_once_whoever_reads_and_writes(tmp_path: Path) -> None:
    for name in ("queue", "control"):
        (tmp_path / name).mkdir()

    def start(what: str, name: str) -> "subprocess.Popen[str]":
        arguments = [sys.executable, "-c", WRITER_OR_READER, what, str(tmp_path), "150", name]
        return subprocess.Popen(
            arguments, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2]
        )

    readers = [start("read", f"reader{n}") for n in range(2)]
    writers = [start("write", f"writer{n}") for n in range(3)]
    for writer in writers:
        assert writer.wait(60) == 0
    read: list[str] = []
    for reader in readers:
        out, _ = reader.communicate(timeout=60)
        assert reader.returncode == 0, "a reader died"
        read += out.splitlines()
    assert sorted(read) == sorted(f"writer{w} {n}" for w in range(3) for n in range(150))
    assert not list((tmp_path / "queue").iterdir()), "nothing stays behind"


def test_a_message_that_is_still_being_written_is_not_there_yet(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("queue", "control"):
        (tmp_path / name).mkdir()
    options = {
        "data_folder_in": str(tmp_path / "queue"),
        "data_folder_out": str(tmp_path / "queue"),
        "control_folder": str(tmp_path / "control"),
    }
    write = Path.write_text
    looked: list[str] = []
    with Connection("spool://localhost", transport_options=options) as connection:
        channel = connection.channel()

        def write_slowly(path: Path, text: str, encoding: str) -> int:
            path.touch()  # created, and nothing in it yet: the moment a quick reader hits
            with pytest.raises(Empty):
                channel._get("train")
            looked.append(path.name)
            return write(path, text, encoding=encoding)

        monkeypatch.setattr(Path, "write_text", write_slowly)
        channel._put("train", {"number": 1})
        assert len(looked) == 1
        assert channel._get("train") == {"number": 1}
        with pytest.raises(Empty):
            channel._get("train")
