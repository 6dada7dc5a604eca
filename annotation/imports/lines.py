"""What reading a file gives, whatever its format: records, and what is none."""

from typing import Any

Record = dict[str, Any]


class FileUnreadable(ValueError):
    """The file as a whole cannot be read; the message says why."""


class LineInvalid(ValueError):
    """One line cannot be taken; the message says why. What was read before and after stands."""
