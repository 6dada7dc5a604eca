"""One module per kind of question; listed here, and covered by the contract test once listed."""

from annotation.task_types import pairwise, ranking
from annotation.task_types.contract import Answer, AnswerInvalid, TaskType

__all__ = ["TASK_TYPES", "Answer", "AnswerInvalid", "TaskType"]

TASK_TYPES: dict[str, TaskType] = {
    "pairwise": pairwise,
    "ranking": ranking,
}
