"""`python -m training.engine.serve FOLDER`: `transformers serve` for one checkpoint, for chat.

The server is transformers' own. Added are its limits: one folder without code, 127.0.0.1 alone, the
two addresses of a chat, a key that every request carries (read from the first line of stdin), and
an end when stdin is closed. Prints {"port": N, "model": NAME} when it is ready: NAME is what
requests have to ask for.
"""

import argparse
import hmac
import json
import os
import socket
import sys
from collections.abc import Awaitable, Callable, MutableMapping
from pathlib import Path
from typing import Any

from transformers.cli.serve import Serve
from transformers.utils import logging

from training.engine import lifeline
from training.engine.data import NotTokenisable, end_id, prompt_text
from training.engine.memory import keep_freed_memory
from training.engine.modeling import (
    UnusableModel,
    device,
    is_reward_model,
    load_tokenizer,
    resolve_dtype,
)

HERE = "."  # the folder, as transformers is told of it: in a path, @ would begin a revision
ADDRESSES = {("GET", "/v1/models"), ("POST", "/v1/chat/completions")}
PROBE = [{"role": "user", "content": "a"}]

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


class Door:
    """Who has no key, or wants another address, comes no further (ASGI)."""

    def __init__(self, application: Any, key: str) -> None:
        self.application = application
        self.wanted = f"Bearer {key}".encode()

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] != "lifespan":
            sent = dict(scope["headers"]).get(b"authorization", b"")
            if not hmac.compare_digest(sent, self.wanted):
                return await refuse(send, 401, "The key is wrong.")
            if (scope.get("method"), scope["path"]) not in ADDRESSES:
                return await refuse(send, 404, "There is only the chat here.")
        await self.application(scope, receive, send)
        return None


async def refuse(send: Send, status: int, words: str) -> None:
    headers = [(b"content-type", b"application/json"), (b"connection", b"close")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    body = json.dumps({"error": {"message": words}}).encode()
    await send({"type": "http.response.body", "body": body})


class Supervised(Serve):
    """`transformers serve`, loaded, and started by `run` on a socket that is already bound."""

    def __init__(self, key: str) -> None:
        super().__init__(
            force_model=HERE,
            device=device().type,
            dtype=str(resolve_dtype("auto")).removeprefix("torch."),
            host="127.0.0.1",
            log_level="error",
            non_blocking=True,
        )
        config = self.server.config
        config.app = Door(config.app, key)
        config.log_config, config.access_log = None, False  # what people write belongs in no log

    def start_server(self) -> None:
        """Called when all is loaded; `run` starts it."""

    def sample_from(self, tokenizer: Any) -> None:
        """Write as our sampler does: from the whole distribution, to the end of the turn."""
        [loaded] = self._model_manager.loaded_models.values()
        configured = loaded.model.generation_config.eos_token_id
        several = configured if isinstance(configured, list) else [configured]
        ends = {i for i in (end_id(tokenizer), tokenizer.eos_token_id, *several) if i is not None}
        loaded.model.generation_config.update(
            do_sample=True,
            temperature=1.0,
            top_k=0,
            top_p=1.0,
            eos_token_id=sorted(ends),
            pad_token_id=tokenizer.pad_token_id,
        )

    def run(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as bound:
            print(json.dumps({"port": bound.getsockname()[1], "model": HERE}), flush=True)
            self.server.run(sockets=[bound])


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m training.engine.serve", description=__doc__)
    parser.add_argument("folder", type=Path)
    folder: Path = parser.parse_args().folder
    key = sys.stdin.readline().strip()
    lifeline.hold()
    if not key:
        sys.exit("A key is read from the first line of stdin.")
    keep_freed_memory()
    logging.disable_progress_bar()
    os.environ["HF_HUB_OFFLINE"] = "1"
    try:
        tokenizer = load_tokenizer(folder)
        prompt_text(tokenizer, PROBE)
        if is_reward_model(folder):
            raise UnusableModel(f"{folder} is a reward model: it writes no responses.")
        os.chdir(folder)
        served = Supervised(key)
    except (UnusableModel, NotTokenisable, OSError, ValueError) as error:
        sys.exit(str(error))
    served.sample_from(tokenizer)
    served.run()


if __name__ == "__main__":
    main()
