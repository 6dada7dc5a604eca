"""The queue's rules, one at a time."""

import random
from collections import Counter
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.db.models import F
from django.utils import timezone

from annotation import services
from annotation.models import Annotation, Assignment, Flag, Item, Project
from tests.builders import make_annotation, make_assignment, make_item, make_member

LEFT = {"strength": 2, "both_bad": False}
RIGHT = {"strength": -1, "both_bad": False}


def expire(assignment: Assignment) -> None:
    Assignment.objects.filter(pk=assignment.pk).update(
        lease_until=timezone.now() - timedelta(hours=1)
    )


def assert_slots_add_up(item: Item) -> None:
    item.refresh_from_db()
    holding = item.assignments.filter(slot__isnull=False)
    answered = item.assignments.filter(status=Assignment.Status.ANSWERED)
    assert item.open_slots + holding.count() == item.answers_wanted
    assert item.answer_count == answered.count()
    assert (item.status == Item.Status.COMPLETE) == (item.answer_count == item.answers_wanted)


def submit(assignment: Assignment, answer: dict = LEFT, key: str = "k1") -> Annotation:
    return services.submit_answer(assignment, answer=answer, submit_key=key)


# --- claiming -----------------------------------------------------------------------------------


def test_higher_priority_comes_first_then_the_older_item(project: Project, annotator: User) -> None:
    old, new, urgent = make_item(project), make_item(project), make_item(project, priority=5)
    claimed = [services.claim_next(project, annotator) for _ in range(4)]
    assert [a and a.item_id for a in claimed] == [urgent.pk, old.pk, new.pk, None]


def test_an_item_is_leased_to_k_people_and_no_more(project: Project) -> None:
    item = make_item(project, answers_wanted=2)
    people = [make_member(project) for _ in range(3)]
    claimed = [services.claim_next(project, person) for person in people]
    assert [a.slot if a else None for a in claimed] == [0, 1, None]
    assert_slots_add_up(item)


def test_nothing_is_claimed_in_an_archived_project(project: Project, annotator: User) -> None:
    make_item(project)
    project.is_archived = True
    project.save()
    assert services.claim_next(project, annotator) is None


def test_nobody_hoards_items(project: Project, annotator: User) -> None:
    for _ in range(11):
        make_item(project)
    for _ in range(10):
        services.claim_next(project, annotator)
    with pytest.raises(services.TooManyOpen, match="10 open items"):
        services.claim_next(project, annotator)


def test_the_display_order_is_stored_and_follows_from_the_seed(project: Project) -> None:
    item = make_item(project, ["a", "b", "c", "d"], task_type="ranking", answers_wanted=40)
    orders = set()
    for _ in range(40):
        assignment = make_assignment(item)
        assert sorted(assignment.display_order) == [0, 1, 2, 3]
        orders.add(tuple(assignment.display_order))
    assert len(orders) > 10


def test_the_lease_lasts_as_long_as_the_project_says(project: Project, annotator: User) -> None:
    project.lease_seconds = 600
    project.save()
    make_item(project)
    assignment = services.claim_next(project, annotator)
    assert assignment is not None
    left = (assignment.lease_until - timezone.now()).total_seconds()
    assert left == pytest.approx(600, abs=5)


def test_the_guideline_seen_is_the_newest(project: Project, annotator: User) -> None:
    newest = services.new_guideline(project, "Be strict.")
    annotation = make_annotation(make_item(project), annotator)
    assert annotation.guideline == newest
    assert newest.version == 2


# --- leases -------------------------------------------------------------------------------------


def test_an_expired_lease_goes_to_whoever_asks_next(project: Project) -> None:
    item = make_item(project)
    gone = make_assignment(item)
    expire(gone)
    taken = services.claim_next(project, make_member(project))
    assert taken is not None
    assert taken.item_id == item.pk
    gone.refresh_from_db()
    assert (gone.status, gone.slot) == (Assignment.Status.EXPIRED, None)
    assert_slots_add_up(item)


def test_release_stale_frees_only_what_ran_out(
    project: Project, project_elsewhere: Project
) -> None:
    items = [make_item(project, answers_wanted=2), make_item(project), make_item(project_elsewhere)]
    for assignment in (make_assignment(items[0]), make_assignment(items[2])):
        expire(assignment)
    alive = make_assignment(items[0])
    assert services.release_stale(project) == 1
    assert services.release_stale() == 1
    assert services.release_stale() == 0
    alive.refresh_from_db()
    assert alive.status == Assignment.Status.LEASED
    for item in items:
        assert_slots_add_up(item)


def test_the_only_annotator_gets_an_expired_item_back(project: Project, annotator: User) -> None:
    item = make_item(project)
    first = make_assignment(item, annotator)
    expire(first)
    again = services.claim_next(project, annotator)
    assert again is not None
    assert again.pk == first.pk
    assert again.display_order == first.display_order
    assert again.lease_until > timezone.now()
    assert_slots_add_up(item)


def test_a_heartbeat_extends_the_lease_and_keeps_the_longest_time(project: Project) -> None:
    assignment = make_assignment(make_item(project))
    expire(assignment)
    services.heartbeat(assignment, 30.0)
    services.heartbeat(assignment, 20.0)
    services.heartbeat(assignment, float("nan"))
    services.heartbeat(assignment, -5.0)
    assignment.refresh_from_db()
    assert assignment.active_seconds == 30.0
    assert assignment.lease_until > timezone.now()
    assert services.release_stale() == 0


def test_a_heartbeat_takes_a_released_slot_up_again(project: Project) -> None:
    item = make_item(project)
    assignment = make_assignment(item)
    expire(assignment)
    services.release_stale()
    services.heartbeat(assignment)
    assignment.refresh_from_db()
    assert assignment.status == Assignment.Status.LEASED
    assert_slots_add_up(item)


def test_a_heartbeat_after_the_item_went_to_another_says_so(project: Project) -> None:
    item = make_item(project)
    late = make_assignment(item)
    expire(late)
    make_assignment(item)
    with pytest.raises(services.AssignmentLost, match="someone else"):
        services.heartbeat(late)
    assert_slots_add_up(item)


def test_a_wrong_clock_in_the_application_ends_no_lease(
    project: Project, annotator: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Leases are begun and measured by the database's clock."""
    make_item(project)
    real = timezone.now()
    monkeypatch.setattr(timezone, "now", lambda: real + timedelta(days=1))
    assignment = services.claim_next(project, annotator)
    assert assignment is not None
    assert assignment.lease_until < real + timedelta(hours=1)
    services.heartbeat(assignment)
    assignment.refresh_from_db()
    assert assignment.lease_until < real + timedelta(hours=1)
    assert services.release_stale() == 0


# --- drafts -------------------------------------------------------------------------------------


def test_the_newer_draft_wins(project: Project) -> None:
    assignment = make_assignment(make_item(project))
    assert services.save_draft(assignment, {"rationale": "newer"}, 2) == 2
    assert services.save_draft(assignment, {"rationale": "older"}, 1) == 2
    assert assignment.draft == {"rationale": "newer"}


def test_a_draft_is_gone_once_the_answer_is_in(project: Project) -> None:
    assignment = make_assignment(make_item(project))
    services.save_draft(assignment, {"rationale": "hm"}, 1)
    submit(assignment)
    services.save_draft(assignment, {"rationale": "late"}, 2)
    assignment.refresh_from_db()
    assert assignment.draft is None


def test_a_huge_draft_is_refused(project: Project) -> None:
    assignment = make_assignment(make_item(project))
    with pytest.raises(services.AnswerInvalid, match="characters"):
        services.save_draft(assignment, {"rationale": "x" * 200_001}, 1)


# --- answering ----------------------------------------------------------------------------------


def test_an_answer_fills_its_slot(project: Project) -> None:
    item = make_item(project, answers_wanted=2)
    annotation = make_annotation(item)
    assert (annotation.revision, annotation.kind) == (1, Annotation.Kind.ANSWER)
    assert_slots_add_up(item)
    make_annotation(item)
    assert_slots_add_up(item)
    assert item.status == Item.Status.COMPLETE


def test_the_same_key_adds_nothing(project: Project) -> None:
    item = make_item(project)
    assignment = make_assignment(item)
    assert submit(assignment).pk == submit(assignment).pk
    assert Annotation.objects.count() == 1
    assert_slots_add_up(item)


def test_the_same_key_with_another_answer_is_refused(project: Project) -> None:
    assignment = make_assignment(make_item(project))
    submit(assignment, LEFT)
    with pytest.raises(services.SubmitConflict):
        submit(assignment, RIGHT)
    assert Annotation.objects.get().answer == LEFT


def test_an_edit_is_a_new_revision(project: Project) -> None:
    item = make_item(project)
    assignment = make_assignment(item)
    submit(assignment, LEFT, "k1")
    edited = submit(assignment, RIGHT, "k2")
    assert edited.revision == 2
    assert Annotation.objects.count() == 2
    assert_slots_add_up(item)


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"strength": 4, "both_bad": False},
        {"strength": True, "both_bad": False},
        {"strength": 1.0, "both_bad": False},
        {"strength": 1, "both_bad": "no"},
        {"strength": 1, "both_bad": False, "extra": 1},
    ],
)
def test_what_is_no_answer_is_refused_and_changes_nothing(project: Project, answer: dict) -> None:
    item = make_item(project)
    assignment = make_assignment(item)
    with pytest.raises(services.AnswerInvalid):
        submit(assignment, answer)
    assignment.refresh_from_db()
    assert assignment.status == Assignment.Status.LEASED
    assert_slots_add_up(item)


def test_text_that_no_database_holds_is_refused(project: Project) -> None:
    assignment = make_assignment(make_item(project))
    for rationale in ("\x00", "\ud800", "x" * 10_001):
        with pytest.raises(services.AnswerInvalid) as refusal:
            services.submit_answer(assignment, answer=LEFT, rationale=rationale, submit_key="k1")
        assert refusal.value.field == "rationale"


def test_a_late_answer_takes_a_free_slot(project: Project) -> None:
    item = make_item(project)
    late = make_assignment(item)
    expire(late)
    services.release_stale()
    submit(late)
    late.refresh_from_db()
    assert (late.status, late.slot) == (Assignment.Status.ANSWERED, 0)
    assert_slots_add_up(item)


def test_a_late_answer_without_a_free_slot_is_kept_as_extra(project: Project) -> None:
    item = make_item(project)
    late = make_assignment(item)
    expire(late)
    make_annotation(item)
    submit(late)
    late.refresh_from_db()
    assert (late.status, late.slot) == (Assignment.Status.EXTRA, None)
    assert Annotation.objects.count() == 2
    assert_slots_add_up(item)
    assert item.answer_count == 1


def test_a_late_answer_to_a_retired_item_is_extra(project: Project) -> None:
    item = make_item(project)
    late = make_assignment(item)
    expire(late)
    services.release_stale()
    services.retire_item(item)
    submit(late)
    late.refresh_from_db()
    assert late.status == Assignment.Status.EXTRA


def test_a_retired_item_asks_nobody_new_until_it_is_reopened(project: Project) -> None:
    item = make_item(project, answers_wanted=2)
    before = make_assignment(item)
    services.retire_item(item)
    assert services.claim_next(project, make_member(project)) is None
    submit(before)
    services.reopen_item(item)
    assert services.claim_next(project, make_member(project)) is not None
    assert_slots_add_up(item)


# --- skip, flag, undo -----------------------------------------------------------------------------


def test_a_skip_frees_the_slot_and_bars_the_person(project: Project, annotator: User) -> None:
    item = make_item(project)
    skipped = make_assignment(item, annotator)
    services.skip(skipped, "I don't know the language")
    assert_slots_add_up(item)
    assert services.claim_next(project, annotator) is None
    with pytest.raises(services.AssignmentLost, match="skipped"):
        submit(skipped)
    with pytest.raises(services.AssignmentLost, match="skipped"):
        services.heartbeat(skipped)
    assert services.claim_next(project, make_member(project)) is not None


def test_skipping_twice_frees_one_slot(project: Project) -> None:
    item = make_item(project, answers_wanted=2)
    skipped = make_assignment(item)
    services.skip(skipped, "first")
    assert services.skip(skipped, "second").skip_reason == "first"
    assert_slots_add_up(item)


def test_an_answered_item_is_not_skipped(project: Project) -> None:
    assignment = make_assignment(make_item(project))
    submit(assignment)
    with pytest.raises(services.NotAllowed, match="Undo"):
        services.skip(assignment)


def test_a_flag_stays_one_and_the_turn_goes_on(project: Project) -> None:
    assignment = make_assignment(make_item(project))
    services.flag(assignment, "offensive", "first")
    services.flag(assignment, "offensive", "second")
    assert Flag.objects.get().note == "second"
    with pytest.raises(services.AnswerInvalid):
        services.flag(assignment, "  ")
    submit(assignment)


def test_undo_takes_the_newest_answer_back_and_keeps_the_slot(
    project: Project, annotator: User
) -> None:
    items = [make_item(project), make_item(project)]
    for item in items:
        make_annotation(item, annotator)
    undone = services.undo_last(project, annotator)
    assert undone is not None
    assert undone.item_id == items[1].pk
    assert (undone.status, undone.slot) == (Assignment.Status.LEASED, 0)
    assert undone.lease_until > timezone.now()
    assert [a.kind for a in undone.annotations.all()] == ["answer", "withdrawal"]
    for item in items:
        assert_slots_add_up(item)
    assert services.claim_next(project, make_member(project)) is None
    submit(undone, RIGHT, "again")
    assert_slots_add_up(items[1])
    assert undone.annotations.latest("revision").revision == 3


def test_undo_goes_back_step_by_step_and_then_ends(project: Project, annotator: User) -> None:
    items = [make_item(project), make_item(project)]
    for item in items:
        make_annotation(item, annotator)
    undone = [services.undo_last(project, annotator) for _ in range(3)]
    assert [a and a.item_id for a in undone] == [items[1].pk, items[0].pk, None]


def test_undo_does_not_touch_what_others_said(project: Project, annotator: User) -> None:
    make_annotation(make_item(project))
    assert services.undo_last(project, annotator) is None


def test_an_abandoned_undo_opens_the_item_for_others(project: Project, annotator: User) -> None:
    item = make_item(project)
    make_annotation(item, annotator)
    undone = services.undo_last(project, annotator)
    assert undone is not None
    expire(undone)
    make_annotation(item)
    assert_slots_add_up(item)
    assert item.status == Item.Status.COMPLETE


def test_undoing_an_extra_answer_gives_back_no_slot(project: Project, annotator: User) -> None:
    item = make_item(project)
    late = make_assignment(item, annotator)
    expire(late)
    make_annotation(item)
    submit(late)
    undone = services.undo_last(project, annotator)
    assert undone is not None
    assert (undone.status, undone.slot) == (Assignment.Status.EXPIRED, None)
    assert_slots_add_up(item)


def assert_all_slots_add_up() -> None:
    """The same for every item there is, in three queries."""
    turns = list(Assignment.objects.all())
    for item in Item.objects.all():
        slots = [t.slot for t in turns if t.item_id == item.pk and t.slot is not None]
        assert len(set(slots)) == len(slots)
        assert all(0 <= slot < item.answers_wanted for slot in slots)
        assert item.open_slots + len(slots) == item.answers_wanted
        said = [t for t in turns if t.item_id == item.pk and t.status == "answered"]
        assert item.answer_count == len(said)
        if item.status != Item.Status.RETIRED:
            assert (item.status == "complete") == (len(said) == item.answers_wanted)
    newest = {a.assignment_id: a.kind for a in Annotation.objects.order_by("revision")}
    assert all(newest[t.pk] == "answer" for t in turns if t.status in ("answered", "extra"))


@pytest.mark.parametrize("seed", range(4))
def test_whatever_people_do_the_slots_add_up(project: Project, seed: int) -> None:
    """A walk of 100 random steps by five people on four items; K = 2."""
    draw = random.Random(seed)
    items = [make_item(project, answers_wanted=2) for _ in range(4)]
    people = [make_member(project) for _ in range(5)]
    acts = ["claim", "submit", "submit", "skip", "undo", "beat", "expire", "release"]
    done: Counter[str] = Counter()
    for step in range(100):
        person = draw.choice(people)
        turns = list(Assignment.objects.filter(annotator=person).select_related("item__project"))
        act = draw.choice(acts)
        if draw.random() < 0.02:
            act = draw.choice(["retire", "reopen"])
        try:
            if act == "claim":
                services.claim_next(project, person)
            elif act == "undo":
                services.undo_last(project, person)
            elif act == "release":
                services.release_stale()
            elif act == "retire":
                services.retire_item(draw.choice(items))
            elif act == "reopen":
                services.reopen_item(draw.choice(items))
            elif turns:
                turn = draw.choice(turns)
                if act == "submit":
                    answer = draw.choice([LEFT, RIGHT])
                    submit(turn, answer, f"key{step}")
                elif act == "skip" and draw.random() < 0.3:
                    services.skip(turn)
                elif act == "beat":
                    services.heartbeat(turn, 1.0)
                elif act == "expire" and turn.status == Assignment.Status.LEASED:
                    expire(turn)
        except (services.AssignmentLost, services.NotAllowed) as refusal:
            act = type(refusal).__name__
        done[act] += 1
        assert_all_slots_add_up()
    assert done["submit"] > 5


# --- content ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("messages", "reason"),
    [
        ([], "at least one"),
        ("hello", "list of messages"),
        ([{"role": "user"}], "role and a content"),
        ([{"role": "robot", "content": "x"}], "role is one of"),
        ([{"role": "user", "content": "  "}], "empty"),
        ([{"role": "user", "content": 3}], "not a text"),
        ([{"role": "user", "content": "a\x00b"}], "NUL"),
        ([{"role": "user", "content": "\udc00"}], "surrogate"),
        ([{"role": "assistant", "content": "x"}], "ends with the user"),
        (
            [{"role": "user", "content": "x"}, {"role": "system", "content": "x"}],
            "only the first",
        ),
    ],
)
def test_a_bad_prompt_is_refused_with_the_reason(
    project: Project, messages: object, reason: str
) -> None:
    with pytest.raises(services.ContentInvalid, match=reason):
        services.get_or_add_prompt(project, messages)  # type: ignore[arg-type]


def test_content_is_added_once(project: Project) -> None:
    messages = [{"role": "user", "content": "Why?"}]
    prompt, created = services.get_or_add_prompt(project, messages)
    again, created_again = services.get_or_add_prompt(project, messages)
    assert (created, created_again, prompt) == (True, False, again)
    source = services.get_or_add_source(project, "demo", "Demo", "model")
    assert services.get_or_add_source(project, "demo") == source
    response, created = services.get_or_add_response(prompt, source, "Because.")
    again_response, created_again = services.get_or_add_response(prompt, source, "Because.")
    assert (created, created_again, response) == (True, False, again_response)


def test_all_turns_of_a_conversation_fall_into_one_split(project: Project) -> None:
    opening = [{"role": "system", "content": "Be kind."}, {"role": "user", "content": "Hi"}]
    later = [*opening, {"role": "assistant", "content": "Yo"}, {"role": "user", "content": "?"}]
    first, _ = services.get_or_add_prompt(project, opening)
    second, _ = services.get_or_add_prompt(project, later)
    assert first.conversation_root == second.conversation_root
    assert first.split == second.split
    named, _ = services.get_or_add_prompt(
        project, [{"role": "user", "content": "Other"}], conversation_root="tree 7"
    )
    assert named.conversation_root != first.conversation_root


def test_a_key_is_queued_once_and_equal_texts_never(project: Project) -> None:
    item = make_item(project, ["yes", "no"], key="k")
    responses = [link.response for link in item.item_responses.all()]
    assert services.queue_item(project, item.prompt, responses, key="k") is None
    source = services.get_or_add_source(project, "another")
    same, _ = services.get_or_add_response(item.prompt, source, "yes\n")
    pair = [responses[0], same]
    assert services.queue_item(project, item.prompt, pair, key="other") is None
    assert Item.objects.count() == 1


def test_an_item_asks_about_as_many_responses_as_its_type_takes(project: Project) -> None:
    item = make_item(project)
    response = item.item_responses.all()[0].response
    with pytest.raises(services.ContentInvalid, match="asks about 2 responses, not about 1"):
        services.queue_item(project, item.prompt, [response], key="one")


def test_an_imported_vote_is_kept_once_by_someone_who_cannot_sign_in(project: Project) -> None:
    item = make_item(project)
    first = services.record_imported_answer(item, RIGHT, annotator_name="Jane Doe")
    again = services.record_imported_answer(item, RIGHT, annotator_name="Jane Doe")
    assert first == again
    person = first.assignment.annotator
    assert (person.username, person.is_active) == ("imported_Jane_Doe", False)
    assert not person.has_usable_password()
    assert_slots_add_up(item)
    assert item.status == Item.Status.COMPLETE
    other = services.record_imported_answer(item, LEFT, annotator_name="Joe")
    assert other.assignment.status == Assignment.Status.EXTRA


# --- projects -------------------------------------------------------------------------------------


def test_a_project_keeps_a_manager(project: Project, manager: User) -> None:
    with pytest.raises(services.NotAllowed, match="only manager"):
        services.remove_member(project, manager)
    with pytest.raises(services.NotAllowed, match="only manager"):
        services.add_member(project, manager, "annotator")
    make_member(project, "manager")
    services.remove_member(project, manager)
    assert not project.memberships.filter(user=manager).exists()


def test_an_unchanged_guideline_is_no_new_version(project: Project) -> None:
    assert services.new_guideline(project, "New.").version == 2
    assert services.new_guideline(project, "New.").version == 2


def test_the_open_queue_is_what_the_partial_index_holds(project: Project) -> None:
    item = make_item(project)
    Item.objects.filter(pk=item.pk).update(open_slots=F("open_slots") - 1)
    assert not Item.objects.open().exists()
