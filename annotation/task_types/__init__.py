"""One module per kind of question; listed here, and covered by the contract test once listed."""

from annotation.task_types import (
    demonstration,
    likert,
    pairwise,
    ranking,
    rate_then_rank,
    thumbs,
)
from annotation.task_types.contract import Answer, AnswerInvalid, TaskType

__all__ = ["TASK_TYPES", "Answer", "AnswerInvalid", "TaskType"]

TASK_TYPES: dict[str, TaskType] = {
    "pairwise": pairwise,
    "ranking": ranking,
    "rate_then_rank": rate_then_rank,
    "likert": likert,
    "thumbs": thumbs,
    "demonstration": demonstration,
}
