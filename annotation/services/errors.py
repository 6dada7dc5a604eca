"""What cannot happen now, and why; the view turns each into a message."""

from annotation.task_types import AnswerInvalid

__all__ = [
    "AnswerInvalid",
    "AssignmentLost",
    "ContentInvalid",
    "LimitReached",
    "MustRead",
    "NotAllowed",
    "SubmitConflict",
    "TooManyOpen",
]


class NotAllowed(Exception):
    """The step is not open to this person in this state; the text says why."""


class TooManyOpen(NotAllowed):
    """The person already holds as many items as one may."""


class LimitReached(NotAllowed):
    """The person has answered as much as one may, today or in all; `title` says it in short."""

    def __init__(self, title: str, message: str) -> None:
        super().__init__(message)
        self.title = title


class MustRead(NotAllowed):
    """Something has to be read before the next item comes; `notice` says what kind it is."""

    def __init__(self, notice: str, message: str) -> None:
        super().__init__(message)
        self.notice = notice


class AssignmentLost(Exception):
    """The item is no longer this person's turn."""


class SubmitConflict(Exception):
    """The submit key was used before, for another answer."""


class ContentInvalid(Exception):
    """A prompt, response or item that cannot be stored; the text says what to mend."""
