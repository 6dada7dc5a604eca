"""What the page of production records shows."""

from dataclasses import dataclass

from annotation.imports.redaction import KINDS, redact
from annotation.models import LogPolicy, LogTally, Project
from annotation.services.logs import REDACTED, policy_of


@dataclass(frozen=True)
class LogsPage:
    """The policy, and since the beginning: what came, what became of it, what was replaced."""

    policy: LogPolicy
    received: int
    stored: int
    sampled_out: int
    duplicate: int
    invalid: int
    redactions: list[tuple[str, int]]


def logs_page(project: Project) -> LogsPage:
    tallies = dict(LogTally.objects.filter(project=project).values_list("name", "count"))
    ends = ("received", "stored", "sampled_out", "duplicate", "invalid")
    return LogsPage(
        policy=policy_of(project),
        redactions=[(kind, n) for kind in KINDS if (n := tallies.get(f"{REDACTED}{kind}", 0))],
        **{name: tallies.get(name, 0) for name in ends},
    )


@dataclass(frozen=True)
class Preview:
    """A text as it would be stored, and (kind, times) of what was replaced."""

    text: str
    counts: list[tuple[str, int]]


def preview(project: Project, text: str) -> Preview:
    """What redaction would make of a text; nothing is stored."""
    found = redact(text, policy_of(project).words)
    return Preview(found.text, [(kind, n) for kind in KINDS if (n := found.counts[kind])])
