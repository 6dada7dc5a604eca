"""Start a command that ends when its parent does: `python scripts/leash.py COMMAND …`.

supervisord restarts what dies but cannot outlive its own SIGKILL; on Linux the kernel then kills
each process on a leash. SIGKILL, since a worker asked politely would first end the run it has in
hand; everything here is made to be killed. Standard library only.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def main() -> None:
    parent = os.getppid()
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # the parent ended before the kernel was asked
        sys.exit(1)
    os.execvp(sys.argv[1], sys.argv[1:])


if __name__ == "__main__":
    main()
