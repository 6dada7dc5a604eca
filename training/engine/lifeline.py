"""A child process that ends with its parent: the parent holds the other end of its stdin."""

import os
import sys
import threading

ORPHANED = 70  # exit code when the parent is gone


def hold() -> None:
    """Exit at once when stdin reaches its end, which is when the parent ends, however it ends."""
    threading.Thread(target=_wait, name="lifeline", daemon=True).start()


def _wait() -> None:
    while os.read(sys.stdin.fileno(), 4096):
        pass
    os._exit(ORPHANED)
