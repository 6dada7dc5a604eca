"""All that people and programs change here; each function owns its transaction."""

from annotation.services.answers import flag, skip, submit_answer, undo_last
from annotation.services.asking import claim_turn
from annotation.services.batches import (
    add_batch,
    close_batch,
    get_or_add_batch,
    pause_batch,
    put_into_batch,
    reopen_batch,
    resume_batch,
    set_batch_priority,
    set_batch_terms,
    settle_batches,
)
from annotation.services.building import Built, build_items
from annotation.services.bulk import reopen_items, retire_items
from annotation.services.categories import rename_category, set_category, set_targets
from annotation.services.claims import claim_item, claim_next, release_stale
from annotation.services.content import (
    get_or_add_prompt,
    get_or_add_response,
    get_or_add_source,
    imported_annotator,
    queue_item,
    record_imported_answer,
    record_score,
)
from annotation.services.conversations import (
    choose_reply,
    retry_turn,
    save_composer,
    send_message,
    start_conversation,
)
from annotation.services.endpoints import add_endpoint, plan, update_endpoint
from annotation.services.errors import (
    AnswerInvalid,
    AssignmentLost,
    ContentInvalid,
    LimitReached,
    MustRead,
    NotAllowed,
    SubmitConflict,
    TooManyOpen,
)
from annotation.services.flow import set_flow_policy
from annotation.services.gold import make_gold, retire_gold, set_policy
from annotation.services.guidelines import acknowledge, known_version, unread_guideline
from annotation.services.invitations import (
    accept_invitation,
    create_invitation,
    join,
    mail_invitation,
    revoke_invitation,
)
from annotation.services.items import reopen_item, retire_item
from annotation.services.leases import heartbeat, note_opened, save_draft
from annotation.services.limits import set_member_limits
from annotation.services.logs import set_log_policy, take_records
from annotation.services.opt_outs import choose_categories, opt_out
from annotation.services.pauses import comment, pause, resume
from annotation.services.people import (
    Invited,
    invite,
    new_password,
    renew_password,
    reset_second_factor,
    sign_out_everywhere,
)
from annotation.services.projects import (
    add_member,
    create_project,
    new_guideline,
    remove_member,
    update_project,
)
from annotation.services.review import (
    comment_on_answer,
    give_verdict,
    make_gold_of_verdict,
    mark_comments_read,
    mark_replies_read,
)
from annotation.services.training import reveal
from annotation.services.turns import require_all_read, require_trained
from annotation.services.weights import set_weight, weights_of

__all__ = [
    "AnswerInvalid",
    "AssignmentLost",
    "Built",
    "ContentInvalid",
    "Invited",
    "LimitReached",
    "MustRead",
    "NotAllowed",
    "SubmitConflict",
    "TooManyOpen",
    "accept_invitation",
    "acknowledge",
    "add_batch",
    "add_endpoint",
    "add_member",
    "build_items",
    "choose_categories",
    "choose_reply",
    "claim_item",
    "claim_next",
    "claim_turn",
    "close_batch",
    "comment",
    "create_invitation",
    "comment_on_answer",
    "create_project",
    "flag",
    "get_or_add_batch",
    "get_or_add_prompt",
    "get_or_add_response",
    "get_or_add_source",
    "give_verdict",
    "heartbeat",
    "invite",
    "imported_annotator",
    "join",
    "known_version",
    "mail_invitation",
    "make_gold",
    "make_gold_of_verdict",
    "mark_comments_read",
    "mark_replies_read",
    "new_guideline",
    "note_opened",
    "new_password",
    "opt_out",
    "pause",
    "pause_batch",
    "plan",
    "put_into_batch",
    "queue_item",
    "record_imported_answer",
    "record_score",
    "release_stale",
    "remove_member",
    "rename_category",
    "renew_password",
    "reopen_batch",
    "reopen_item",
    "reopen_items",
    "require_all_read",
    "require_trained",
    "reset_second_factor",
    "resume",
    "resume_batch",
    "retire_gold",
    "retire_item",
    "retire_items",
    "retry_turn",
    "reveal",
    "revoke_invitation",
    "save_composer",
    "save_draft",
    "send_message",
    "set_category",
    "set_log_policy",
    "set_policy",
    "set_targets",
    "sign_out_everywhere",
    "set_batch_priority",
    "set_batch_terms",
    "set_flow_policy",
    "set_member_limits",
    "set_policy",
    "set_weight",
    "settle_batches",
    "skip",
    "start_conversation",
    "submit_answer",
    "take_records",
    "undo_last",
    "unread_guideline",
    "update_endpoint",
    "update_project",
    "weights_of",
]
