"""Taking in records of production: each becomes a prompt and a response, or is left out.

Everything is decided and stored under the lock of the project's policy, a batch at a time, so a
record that is sent twice at once is stored once. Rows are read and written in bulk.
"""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from django.db import transaction

from annotation.aggregation.similarity import MAX_COMPARED, NEAR, Shingles, bands, jaccard, shingles
from annotation.imports.logs import Record, id_of, is_sampled, read
from annotation.imports.redaction import MAX_WORD_CHARS, MAX_WORDS
from annotation.models import (
    LogBand,
    LogPolicy,
    LogRecord,
    LogTally,
    Project,
    Prompt,
    Response,
    Source,
    text_hash,
)
from annotation.services.content import content_hash, opening_hash, splits_of
from annotation.services.errors import ContentInvalid, NotAllowed

MAX_RECORDS = 500
STORED, SAMPLED_OUT, DUPLICATE, INVALID = "stored", "sampled_out", "duplicate", "invalid"
REDACTED = "redacted:"  # before the kind, in the names of tallies


@dataclass(frozen=True)
class Outcome:
    """What became of one record; prompt and response are those that are stored now."""

    outcome: str
    reason: str = ""
    prompt: int | None = None
    response: int | None = None


def policy_of(project: Project) -> LogPolicy:
    """The project's policy; a new one takes nothing."""
    return LogPolicy.objects.filter(project=project).first() or LogPolicy(project=project)


@transaction.atomic
def set_log_policy(project: Project, **fields: Any) -> LogPolicy:
    """Change the policy; raises ContentInvalid or ValidationError for what does not fit."""
    words = fields.get("words", [])
    if len(words) > MAX_WORDS or any(len(word) > MAX_WORD_CHARS for word in words):
        raise ContentInvalid(f"At most {MAX_WORDS} words of {MAX_WORD_CHARS} characters each.")
    LogPolicy.objects.get_or_create(project=project)
    policy = LogPolicy.objects.select_for_update().get(project=project)
    for name, value in fields.items():
        setattr(policy, name, value)
    policy.full_clean()
    policy.save()
    return policy


def take_records(project: Project, raw: Sequence[Any]) -> list[Outcome]:
    """What became of each record, in their order.

    Personal data is replaced before anything is stored; only counts of it are kept. Raises
    NotAllowed while the project takes none, ContentInvalid for more than MAX_RECORDS.
    """
    if len(raw) > MAX_RECORDS:
        raise ContentInvalid(f"At most {MAX_RECORDS} records at once; send the rest after them.")
    policy = policy_of(project)
    _require_on(policy)
    outcomes, records = _read_all(project, policy, raw)
    with transaction.atomic():
        # What the policy says of duplicates is what holds now; it may be off by now, too.
        policy = LogPolicy.objects.select_for_update().get(project=project)
        _require_on(policy)
        batch = _Batch(project, policy, records)
        outcomes |= batch.store()
        _count(project, [outcomes[place] for place in sorted(outcomes)], batch.stored)
    return [outcomes[place] for place in range(len(raw))]


def _require_on(policy: LogPolicy) -> None:
    if not policy.is_on:
        raise NotAllowed("This project takes no records. A manager can turn them on under Logs.")


def _read_all(
    project: Project, policy: LogPolicy, raw: Sequence[Any]
) -> tuple[dict[int, Outcome], dict[int, Record]]:
    """Those that are decided already, and the others without personal data, by their places."""
    outcomes: dict[int, Outcome] = {}
    records: dict[int, Record] = {}
    for place, each in enumerate(raw):
        try:
            if not is_sampled(project, id_of(each), policy.sampling_share):
                outcomes[place] = Outcome(SAMPLED_OUT)
            else:
                records[place] = read(each, policy.words, project.split_salt)
        except ContentInvalid as refusal:
            outcomes[place] = Outcome(INVALID, str(refusal))
    return outcomes, records


class _Batch:
    """Records of one request, on their way into the database; all are named by their places."""

    def __init__(self, project: Project, policy: LogPolicy, records: Mapping[int, Record]) -> None:
        self.project, self.policy, self.records = project, policy, records
        self.outcomes: dict[int, Outcome] = {}
        self.follows: dict[int, int] = {}  # a duplicate within the batch: the first of its kind
        self.stored: list[Record] = []
        self.bands: dict[int, list[int]] = {}

    def store(self) -> dict[int, Outcome]:
        """What became of each; all of it is written, or nothing."""
        wanted = self._without_duplicates(self._with_good_names(self.records))
        if self.policy.skip_near:
            wanted = self._without_near(wanted)
        sources = self._sources({record.model for record in wanted.values()})
        prompts = self._prompts(wanted)
        responses = self._responses(wanted, prompts, sources)
        LogRecord.objects.bulk_create(
            LogRecord(
                project=self.project,
                id_hash=record.id_hash,
                external_id=record.external_id,
                text_hash=record.text_hash,
                prompt_id=prompts[place],
                response_id=responses[place],
                happened=record.happened,
                metadata=record.metadata,
            )
            for place, record in wanted.items()
        )
        self._keep_bands(prompts)
        for place in wanted:
            self.outcomes[place] = Outcome(STORED, "", prompts[place], responses[place])
        for place, before in sorted(self.follows.items()):
            known = self.outcomes[before]
            self.outcomes[place] = replace(
                self.outcomes[place], prompt=known.prompt, response=known.response
            )
        self.stored = list(wanted.values())
        return self.outcomes

    def _with_good_names(self, records: Mapping[int, Record]) -> dict[int, Record]:
        """Those whose model's name does not stand for people or a checkpoint here."""
        names = {record.model for record in records.values()}
        others = Source.objects.filter(project=self.project, slug__in=names).exclude(
            kind__in=[Source.Kind.MODEL, Source.Kind.UNKNOWN]
        )
        taken = dict(others.values_list("slug", "kind"))
        for place, record in records.items():
            if record.model in taken:
                reason = (
                    f"model: {record.model} is the name of a source of another kind here"
                    f" ({taken[record.model]}); send it under another one."
                )
                self.outcomes[place] = Outcome(INVALID, reason)
        return {place: r for place, r in records.items() if r.model not in taken}

    def _without_duplicates(self, records: Mapping[int, Record]) -> dict[int, Record]:
        rows = LogRecord.objects.filter(project=self.project)
        ids = self._known(rows, "id_hash", {r.id_hash for r in records.values()})
        texts: dict[str, tuple[int, int]] = {}
        if self.policy.skip_equal:
            texts = self._known(rows, "text_hash", {r.text_hash for r in records.values()})
        first_ids: dict[str, int] = {}
        first_texts: dict[str, int] = {}
        wanted: dict[int, Record] = {}
        for place, record in records.items():
            by_id, by_text = ids.get(record.id_hash), texts.get(record.text_hash)
            first = first_ids.get(record.id_hash)
            if first is None and self.policy.skip_equal:
                first = first_texts.get(record.text_hash)
            if by_id is None and by_text is None and first is None:
                wanted[place] = record
                first_ids[record.id_hash] = first_texts[record.text_hash] = place
                continue
            same_id = by_id is not None or record.id_hash in first_ids
            reason = (
                "A record with this id came before."
                if same_id
                else "The same prompt and response came before."
            )
            self.outcomes[place] = Outcome(DUPLICATE, reason, *(by_id or by_text or (None, None)))
            if by_id is None and by_text is None and first is not None:
                self.follows[place] = first
        return wanted

    @staticmethod
    def _known(rows: Any, name: str, values: Collection[str]) -> dict[str, tuple[int, int]]:
        """{value: (prompt, response)} of the records that are stored."""
        found = rows.filter(**{f"{name}__in": values}).values_list(name, "prompt", "response")
        return {key: (prompt, response) for key, prompt, response in found}

    def _without_near(self, records: Mapping[int, Record]) -> dict[int, Record]:
        """Those whose prompt is not near an earlier one that was compared likewise."""
        parts = {place: shingles(record.prompt_text) for place, record in records.items()}
        keys = {place: bands(own) for place, own in parts.items()}
        stored: dict[int, list[int]] = {}
        all_keys = {key for own in keys.values() for key in own}
        rows = LogBand.objects.filter(project=self.project, band__in=all_keys).order_by("pk")
        for band, pk in rows.values_list("band", "prompt")[: 100 * MAX_COMPARED]:
            stored.setdefault(band, []).append(pk)
        texts = self._texts({pk for found in stored.values() for pk in found})
        known = {pk: shingles(text) for pk, text in texts.items()}
        here: dict[int, list[int]] = {}
        wanted: dict[int, Record] = {}
        for place, record in records.items():
            prompt = _near(parts[place], keys[place], stored, known)
            first = _near(parts[place], keys[place], here, parts)
            if prompt is not None or first is not None:
                self.outcomes[place] = Outcome(
                    DUPLICATE, "A prompt that is nearly the same came before.", prompt
                )
                if prompt is None and first is not None:
                    self.follows[place] = first
                continue
            wanted[place] = record
            self.bands[place] = keys[place]
            for key in keys[place]:
                here.setdefault(key, []).append(place)
        return wanted

    def _sources(self, names: Collection[str]) -> dict[str, int]:
        rows = Source.objects.filter(project=self.project, slug__in=names)
        there = set(rows.values_list("slug", flat=True))
        Source.objects.bulk_create(
            [
                Source(project=self.project, slug=name, label=name, kind=Source.Kind.MODEL)
                for name in sorted(set(names) - there)
            ],
            ignore_conflicts=True,
        )
        return dict(rows.values_list("slug", "pk"))

    @staticmethod
    def _texts(prompts: Collection[int]) -> dict[int, str]:
        rows = Prompt.objects.filter(pk__in=prompts).values_list("pk", "messages")
        return {pk: "\n".join(each["content"] for each in messages) for pk, messages in rows}

    def _prompts(self, records: Mapping[int, Record]) -> dict[int, int]:
        hashes = {place: content_hash(record.messages) for place, record in records.items()}
        rows = Prompt.objects.filter(project=self.project, content_hash__in=set(hashes.values()))
        there = set(rows.values_list("content_hash", flat=True))
        roots = {
            place: opening_hash(record.messages)
            for place, record in records.items()
            if hashes[place] not in there
        }
        splits = splits_of(self.project, set(roots.values()))
        new = {
            hashes[place]: Prompt(
                project=self.project,
                messages=records[place].messages,
                content_hash=hashes[place],
                conversation_root=root,
                split=splits.setdefault(root, self.project.split_of(root)),
                category=records[place].category,
                external_id=records[place].external_id,
            )
            for place, root in roots.items()
        }
        # Another request may add the same prompt at this moment.
        Prompt.objects.bulk_create(new.values(), ignore_conflicts=True)
        found = dict(rows.values_list("content_hash", "pk"))
        return {place: found[digest] for place, digest in hashes.items()}

    def _responses(
        self, records: Mapping[int, Record], prompts: Mapping[int, int], sources: Mapping[str, int]
    ) -> dict[int, int]:
        keys = {
            place: (prompts[place], sources[record.model], text_hash(record.response))
            for place, record in records.items()
        }
        Response.objects.bulk_create(
            [
                Response(
                    prompt_id=prompt, source_id=source, text=records[place].response, text_hash=h
                )
                for place, (prompt, source, h) in keys.items()
            ],
            ignore_conflicts=True,
        )
        rows = Response.objects.filter(
            prompt__in=set(prompts.values()), text_hash__in={h for _, _, h in keys.values()}
        )
        found = {
            (prompt, source, h): pk
            for pk, prompt, source, h in rows.values_list("pk", "prompt", "source", "text_hash")
        }
        return {place: found[key] for place, key in keys.items()}

    def _keep_bands(self, prompts: Mapping[int, int]) -> None:
        LogBand.objects.bulk_create(
            [
                LogBand(project=self.project, prompt_id=prompts[place], band=band)
                for place, own in self.bands.items()
                for band in sorted(set(own))
            ],
            ignore_conflicts=True,
        )


def _near(
    own: Shingles,
    keys: Sequence[int],
    by_band: Mapping[int, Sequence[int]],
    others: Mapping[int, Shingles],
) -> int | None:
    """The first of the others that shares a band and is near."""
    candidates = {n for key in keys for n in by_band.get(key, ())[:MAX_COMPARED] if n in others}
    return next((n for n in sorted(candidates) if jaccard(own, others[n]) >= NEAR), None)


def _count(project: Project, outcomes: Sequence[Outcome], stored: Sequence[Record]) -> None:
    """Add to the tallies; under the policy's lock, so nobody adds beside us."""
    added: Counter[str] = Counter(outcome.outcome for outcome in outcomes)
    added["received"] = len(outcomes)
    for record in stored:
        added.update({f"{REDACTED}{kind}": n for kind, n in record.counts.items()})
    there = {row.name: row for row in LogTally.objects.filter(project=project)}
    for name, row in there.items():
        row.count += added.pop(name, 0)
    LogTally.objects.bulk_update(there.values(), ["count"])
    LogTally.objects.bulk_create(
        LogTally(project=project, name=name, count=n) for name, n in added.items()
    )
