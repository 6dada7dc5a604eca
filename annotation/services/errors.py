"""What cannot happen now, and why; the view turns each into a message."""

from annotation.task_types import AnswerInvalid

__all__ = [
    "AnswerInvalid",
    "AssignmentLost",
    "ContentInvalid",
    "NotAllowed",
    "SubmitConflict",
    "TooManyOpen",
]


class NotAllowed(Exception):
    """The step is not open to this person in this state; the text says why."""


class TooManyOpen(NotAllowed):
    """The person already holds as many items as one may."""


class AssignmentLost(Exception):
    """The item is no longer this person's turn."""


class SubmitConflict(Exception):
    """The submit key was used before, for another answer."""


class ContentInvalid(Exception):
    """A prompt, response or item that cannot be stored; the text says what to mend."""
