"""What is asked, who answered, and what they said.

    Project ─ Prompt ─ Response ─ (ItemResponse) ─ Item ─ Assignment ─ Annotation
                          │
                        Source

    Conversation ─ Turn ─ Candidate ─ Endpoint          (a turn has a prompt and an item)

An *item* asks one question about K responses to a prompt. An *assignment* is one annotator's
turn at an item: it holds one of the item's slots while it is leased or answered. An *annotation*
is one revision of the answer; rows are only ever added.
"""

from annotation.models.batches import Batch
from annotation.models.categories import CategoryTarget
from annotation.models.chat import MAX_CANDIDATES, Candidate, Conversation, Endpoint, Turn
from annotation.models.content import Prompt, Response, ResponseScore, Source, text_hash
from annotation.models.coverage import DiversityReport
from annotation.models.flow import FlowPolicy
from annotation.models.gold import Gold, GoldPolicy, Qualification, Reveal
from annotation.models.invitations import Invitation, InvitationUse
from annotation.models.jobs import Export, FileJob, ImportBatch, ImportRejection
from annotation.models.logs import LogBand, LogPolicy, LogRecord, LogTally
from annotation.models.opt_outs import CategoryOptOut
from annotation.models.people import Acknowledgement, Comment, Pause
from annotation.models.projects import (
    Guideline,
    Membership,
    Project,
    ProjectQuerySet,
    Split,
    new_salt,
    slug_validator,
)
from annotation.models.queue import (
    Annotation,
    Assignment,
    Bookmark,
    Flag,
    Item,
    ItemQuerySet,
    ItemResponse,
    Tally,
    is_offered_to,
    is_opted_out,
    place_now,
)
from annotation.models.retests import Retest
from annotation.models.review import AnswerComment, Verdict
from annotation.models.weeks import MailChoice, WeekNote
from annotation.models.weights import AnnotatorWeight

__all__ = [
    "Acknowledgement",
    "MAX_CANDIDATES",
    "Annotation",
    "AnnotatorWeight",
    "AnswerComment",
    "Assignment",
    "Candidate",
    "CategoryOptOut",
    "CategoryTarget",
    "Batch",
    "Bookmark",
    "Comment",
    "Conversation",
    "DiversityReport",
    "Endpoint",
    "Export",
    "FileJob",
    "Flag",
    "FlowPolicy",
    "Gold",
    "GoldPolicy",
    "Guideline",
    "ImportBatch",
    "ImportRejection",
    "Invitation",
    "InvitationUse",
    "Item",
    "ItemQuerySet",
    "ItemResponse",
    "LogBand",
    "LogPolicy",
    "LogRecord",
    "LogTally",
    "MailChoice",
    "Membership",
    "Pause",
    "Project",
    "ProjectQuerySet",
    "Prompt",
    "Qualification",
    "Response",
    "ResponseScore",
    "Retest",
    "Reveal",
    "Source",
    "Split",
    "Tally",
    "Turn",
    "Verdict",
    "WeekNote",
    "is_offered_to",
    "is_opted_out",
    "new_salt",
    "place_now",
    "slug_validator",
    "text_hash",
]
