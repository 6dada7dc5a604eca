"""The researcher's pages, as a browser asks for them."""

import io
import zipfile
from collections.abc import Iterable
from typing import Any, cast

import pytest
from django.contrib.auth.models import User
from django.http import StreamingHttpResponse
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries

from annotation.models import Project
from tests.builders import make_annotation, make_item, make_prompt
from tests.training.builders import engine, judge_pairs, make_checkpoint, make_run
from training import runner
from training.models import Checkpoint, Metric, Run

pytestmark = pytest.mark.django_db


@pytest.fixture
def browser(client: Client, researcher: User) -> Client:
    client.force_login(researcher)
    return client


def at(name: str, *arguments: object) -> str:
    return reverse(f"training:{name}", args=["demo", *arguments])


def finished(run: Run, *arguments: object) -> Run:
    runner.carry_out(run.pk, command=engine(*arguments))
    run.refresh_from_db()
    return run


# --- lists ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["run_list", "compare", "snapshots", "results"])
def test_an_empty_project_says_what_to_do_next(
    browser: Client, project: Project, name: str
) -> None:
    page = browser.get(at(name))
    assert page.status_code == 200
    assert 'class="card empty"' in page.content.decode()


def test_the_demo_model_is_always_there_to_start_from(browser: Client, project: Project) -> None:
    assert "SmolLM2" in browser.get(at("checkpoints")).content.decode()
    assert "is fetched first" in browser.get(at("run_new", "dpo")).content.decode()


def test_the_list_of_runs_takes_as_many_queries_for_twenty_as_for_two(
    browser: Client, project: Project, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for _ in range(2):
        make_run(project)
    browser.get(at("run_list"))
    with django_assert_max_num_queries(12) as few:
        browser.get(at("run_list"))
    for _ in range(8):
        make_run(project)
    with django_assert_max_num_queries(len(few.captured_queries)):
        browser.get(at("run_list"))


# --- the launch form ------------------------------------------------------------------------------


def filled(browser: Client, algorithm: str = "dpo", **changes: Any) -> dict[str, Any]:
    """What the browser would send for the form as it is shown."""
    form = browser.get(at("run_new", algorithm)).context["form"]
    values = {name: form[name].value() for name in form.fields}
    values["checkpoint"] = form.fields["checkpoint"].choices[0][0]
    return {name: "" if value is None else value for name, value in (values | changes).items()}


@pytest.mark.parametrize("algorithm", ["reward", "dpo", "sample"])
def test_the_launch_form_explains_every_setting(
    browser: Client, project: Project, algorithm: str
) -> None:
    make_checkpoint()
    page = browser.get(at("run_new", algorithm))
    form = page.context["form"]
    assert page.status_code == 200
    assert all(form.fields[name].help_text for name in form.knobs)
    assert form["dtype"].field.choices[0] == ("auto", "auto")


def test_the_form_starts_a_run_on_what_is_judged_now(
    browser: Client, project: Project, researcher: User
) -> None:
    judge_pairs(project, train=3, test=2)
    make_checkpoint()
    page = browser.get(at("run_new", "dpo")).content.decode()
    assert "Freeze what is judged now: 3 to train on, 2 to test" in page
    answer = browser.post(at("run_new", "dpo"), filled(browser, beta="0.25"))
    run = Run.objects.get()
    assert answer.status_code == 302
    assert answer["Location"] == at("run", run.pk)
    assert (run.status, run.created_by) == (Run.Status.QUEUED, researcher)
    assert run.config["beta"] == 0.25
    assert run.snapshot is not None
    assert run.snapshot.counts["train"]["pairs"] == 3


def test_the_button_pressed_twice_starts_one_run(browser: Client, project: Project) -> None:
    judge_pairs(project)
    make_checkpoint()
    sent = filled(browser)
    first, second = (
        browser.post(at("run_new", "dpo"), sent),
        browser.post(at("run_new", "dpo"), sent),
    )
    assert first["Location"] == second["Location"]
    assert Run.objects.count() == 1


@pytest.mark.parametrize(
    ("algorithm", "field", "value", "message"),
    [
        ("dpo", "beta", "0", "Must be positive."),
        ("dpo", "learning_rate", "fast", "Must be a number, not &#x27;fast&#x27;."),
        ("dpo", "epochs", "1.5", "Must be a whole number, not &#x27;1.5&#x27;."),
        ("reward", "warmup_share", "1", "Must be at least 0 and below 1."),
        ("reward", "layout", "heap", "Select a valid choice."),
        ("sample", "temperature", "9", "Must lie between 0 and 5."),
        ("dpo", "checkpoint", "999999", "Select a valid choice."),
    ],
)
def test_a_bad_setting_is_said_at_its_field(
    browser: Client, project: Project, algorithm: str, field: str, value: str, message: str
) -> None:
    judge_pairs(project)
    make_checkpoint()
    page = browser.post(at("run_new", algorithm), filled(browser, algorithm, **{field: value}))
    assert page.status_code == 422
    assert list(page.context["form"].errors) == [field]
    assert message in page.content.decode()
    assert not Run.objects.exists()


def test_a_hidden_setting_that_is_wrong_is_unfolded(browser: Client, project: Project) -> None:
    judge_pairs(project)
    make_checkpoint()
    page = browser.post(at("run_new", "dpo"), filled(browser, max_grad_norm="-1"))
    assert '<details class="more" open>' in page.content.decode()


def test_nothing_judged_is_said_at_the_judgements(browser: Client, project: Project) -> None:
    make_checkpoint()
    page = browser.post(at("run_new", "dpo"), filled(browser))
    assert list(page.context["form"].errors) == ["snapshot"]
    assert not Run.objects.exists()


# --- one run --------------------------------------------------------------------------------------


def test_a_finished_run_shows_all_of_itself(browser: Client, project: Project) -> None:
    run = finished(make_run(project, config={"beta": 0.7}))
    text = browser.get(at("run", run.pk)).content.decode()
    for shown in ("Finished", "Download", "Snapshot 1", "scripted", "0.7", "attempt 1 begins"):
        assert shown in text
    assert f"/runs/{run.followed_by.get().pk}/" in text
    assert "hx-get" not in text, "an ended run is not asked about again"


def test_a_failed_run_says_why_and_can_be_resumed(browser: Client, project: Project) -> None:
    run = finished(make_run(project), "--fail", "Diverged: the loss is nan at step 3")
    text = browser.get(at("run", run.pk)).content.decode()
    assert "RuntimeError: Diverged: the loss is nan at step 3" in text
    assert browser.post(at("resume", run.pk))["Location"] == at("run", run.pk)
    run.refresh_from_db()
    assert run.status == Run.Status.QUEUED


def test_a_live_run_polls_itself_and_its_end_asks_for_the_whole_page(
    browser: Client, project: Project
) -> None:
    run = make_run(project)
    page = browser.get(at("live", run.pk))
    assert 'hx-trigger="every 2s"' in page.content.decode()
    assert "HX-Refresh" not in page
    finished(run)
    page = browser.get(at("live", run.pk))
    assert "hx-trigger" not in page.content.decode()
    assert page["HX-Refresh"] == "true"


def test_the_live_part_takes_few_queries_however_long_the_run(
    browser: Client, project: Project, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    run = make_run(project)
    assert runner.claim_run(run.pk)
    Metric.objects.bulk_create(
        Metric(run=run, name=name, step=step, value=1.0)
        for name in ("loss", "accuracy", "margin")
        for step in range(300)
    )
    with django_assert_max_num_queries(7):  # session, user, project, role, run, newest metrics
        browser.get(at("live", run.pk))


def test_the_page_of_a_sampling_run_takes_few_queries_however_many_samples(
    browser: Client, project: Project, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for _ in range(10):
        make_prompt(project)
    run = finished(make_run(project, "sample", opponent=make_checkpoint("parent")), "--samples")
    with django_assert_max_num_queries(22):
        text = browser.get(at("run", run.pk)).content.decode()
    assert "policy says 0" in text
    assert "opponent says 0" in text
    assert "0 of 10 queued pairs judged" in text


def test_hostile_samples_are_inert(browser: Client, project: Project) -> None:
    prompt = make_prompt(project, "<script>alert(1)</script>")
    run = make_run(project, "sample", config={"n": 2})
    run.samples.create(
        prompt=prompt, text='<img src=x onerror="alert(2)"> [x](javascript:alert(3))'
    )
    text = browser.get(at("run", run.pk)).content.decode()
    assert "<script>alert" not in text
    assert "<img" not in text
    assert 'href="javascript:' not in text


def test_cancel_asks_a_running_run_to_stop(browser: Client, project: Project) -> None:
    run = make_run(project)
    assert runner.claim_run(run.pk)
    browser.post(at("cancel", run.pk))
    run.refresh_from_db()
    assert run.cancel_requested is not None
    assert "Stopping" in browser.get(at("live", run.pk)).content.decode()


def test_curves_come_whole_and_then_only_what_is_new(browser: Client, project: Project) -> None:
    run = make_run(project)
    for step in (1, 2, 3):
        Metric.objects.create(run=run, name="loss", step=step, value=1 / step)
    curves = browser.get(at("metrics", run.pk)).json()
    assert (curves["live"], curves["last"]) == (True, 3)
    assert curves["panels"][0]["title"] == "Loss"
    assert curves["panels"][0]["series"][0]["x"] == [1, 2, 3]
    newer = browser.get(at("metrics", run.pk), {"after": 2}).json()
    assert newer["panels"][0]["series"][0]["x"] == [3]
    nothing = browser.get(at("metrics", run.pk), {"after": 3}).json()
    assert (nothing["panels"], nothing["last"]) == ([], 3)


def test_the_whole_log_can_be_had(browser: Client, project: Project) -> None:
    run = make_run(project)
    assert browser.get(at("log", run.pk)).status_code == 404
    finished(run)
    answer = cast(StreamingHttpResponse, browser.get(at("log", run.pk)))
    assert b"attempt 1 begins" in b"".join(cast(Iterable[bytes], answer.streaming_content))
    assert answer["Content-Disposition"].startswith("attachment")


def test_compared_runs_share_panels_and_list_only_what_differs(
    browser: Client, project: Project
) -> None:
    first = finished(make_run(project, config={"beta": 0.1}))
    second = finished(make_run(project, config={"beta": 0.9}))
    query = {"run": [first.pk, second.pk]}
    text = browser.get(at("compare"), query).content.decode()
    assert "<code>beta</code>" in text
    assert "<code>epochs</code>" not in text
    panels = browser.get(at("compare_metrics"), query).json()["panels"]
    labels = [series["label"] for series in panels[0]["series"]]
    assert labels == [f"DPO {first.pk}", f"DPO {second.pk}"]


# --- checkpoints ----------------------------------------------------------------------------------


def test_a_checkpoint_downloads_as_one_zip_of_its_files(browser: Client, project: Project) -> None:
    run = finished(make_run(project))
    checkpoint = run.checkpoints.get()
    (checkpoint.folder / "link").symlink_to("/etc/hostname")
    answer = cast(StreamingHttpResponse, browser.get(at("download", checkpoint.slug)))
    data = b"".join(cast(Iterable[bytes], answer.streaming_content))
    archive = zipfile.ZipFile(io.BytesIO(data))
    assert archive.testzip() is None
    name = checkpoint.slug
    assert archive.namelist() == [f"{name}/config.json", f"{name}/model.safetensors"]
    weights = archive.getinfo(f"{name}/model.safetensors")
    assert weights.compress_type == zipfile.ZIP_STORED
    assert archive.read(weights) == (checkpoint.folder / "model.safetensors").read_bytes()


def test_a_registered_folder_is_not_given_away(browser: Client, project: Project) -> None:
    model = make_checkpoint(origin=Checkpoint.Origin.FOLDER, project=project)
    assert browser.get(at("download", model.slug)).status_code == 404


def test_a_mistake_in_registering_is_said_at_the_field(browser: Client, project: Project) -> None:
    page = browser.post(at("checkpoints"), {"origin": "hub", "location": "../secrets"})
    assert page.status_code == 422
    assert list(page.context["form"].errors) == ["location"]


def test_a_fetch_that_is_under_way_is_watched(browser: Client, project: Project) -> None:
    model = make_checkpoint(status=Checkpoint.Status.REGISTERED, project=project)
    assert "hx-trigger" not in browser.get(at("checkpoints_live")).content.decode()
    browser.post(at("fetch", model.slug))
    Checkpoint.objects.filter(pk=model.pk).update(progress=0.4, progress_text="Downloading 40 MB")
    text = browser.get(at("checkpoints_live")).content.decode()
    assert 'hx-trigger="every 2s"' in text
    assert "Downloading 40 MB" in text


# --- snapshots ------------------------------------------------------------------------------------


def test_a_snapshot_is_frozen_with_its_filters(browser: Client, project: Project) -> None:
    judge_pairs(project, train=2, round=0)
    judge_pairs(project, train=1, round=1)
    answer = browser.post(at("snapshots"), {"rounds": ["1"], "since": "2020-01-31"})
    assert answer.status_code == 302
    snapshot = project.snapshots.get()
    assert snapshot.filters["rounds"] == [1]
    assert snapshot.filters["since"].startswith("2020-01-31")
    assert "rounds: 1" in browser.get(at("snapshots")).content.decode()


def test_soft_labels_are_chosen_when_a_snapshot_is_frozen(
    browser: Client, project: Project
) -> None:
    judge_pairs(project, train=2)
    form = {"labels": "crowd_bt", "agreement": "0.6", "answers": "1"}
    assert browser.post(at("snapshots"), form).status_code == 302
    assert project.snapshots.get().filters == {"labels": "crowd_bt", "agreement": 0.6, "answers": 1}
    page = browser.get(at("snapshots")).content.decode()
    assert "(Crowd-BT)" in page
    assert "agreement: 0.6" in page


def test_a_filter_that_is_none_is_said_at_its_field(browser: Client, project: Project) -> None:
    judge_pairs(project)
    page = browser.post(at("snapshots"), {"rounds": ["77"], "since": "someday"})
    assert page.status_code == 422
    assert set(page.context["form"].errors) == {"rounds", "since"}
    assert not project.snapshots.exists()


# --- who may --------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["run_list", "compare", "checkpoints", "snapshots", "results"])
def test_only_researchers_of_the_project_get_in(
    client: Client,
    project: Project,
    annotator: User,
    researcher_elsewhere: User,
    name: str,
) -> None:
    assert client.get(at(name)).status_code == 302
    client.force_login(annotator)
    assert client.get(at(name)).status_code == 403
    client.force_login(researcher_elsewhere)
    assert client.get(at(name)).status_code == 404


def test_a_run_is_only_found_in_its_own_project(
    client: Client, project: Project, researcher_elsewhere: User
) -> None:
    run = make_run(project)
    client.force_login(researcher_elsewhere)
    for name in ("run", "live", "metrics", "log"):
        address = reverse(f"training:{name}", args=["elsewhere", run.pk])
        assert client.get(address).status_code == 404
    for name in ("cancel", "resume"):
        address = reverse(f"training:{name}", args=["elsewhere", run.pk])
        assert client.post(address).status_code == 404
    run.refresh_from_db()
    assert run.status == Run.Status.QUEUED


def test_the_admin_lists_only_what_the_reader_does_research_on(
    client: Client, project: Project, researcher: User, project_elsewhere: Project
) -> None:
    here, elsewhere = make_run(project), make_run(project_elsewhere)
    User.objects.filter(pk=researcher.pk).update(is_staff=True)
    client.force_login(researcher)
    text = client.get(reverse("admin:training_run_changelist")).content.decode()
    assert f"run {here.pk} (" in text
    assert f"run {elsewhere.pk} (" not in text
    changed = client.get(reverse("admin:training_run_change", args=[here.pk]))
    assert changed["Location"] == at("run", here.pk)
    hidden = client.get(reverse("admin:training_run_change", args=[elsewhere.pk]))
    assert hidden["Location"] == reverse("admin:training_run_changelist")
    assert client.get(reverse("admin:training_run_add"))["Location"] == at("run_list")
    for name in ("checkpoint", "snapshot"):
        assert client.get(reverse(f"admin:training_{name}_changelist")).status_code == 200


# --- results --------------------------------------------------------------------------------------


def test_the_results_page_says_what_the_numbers_allow(browser: Client, project: Project) -> None:
    project.test_share = 0.0
    project.save()
    make_checkpoint("old")
    make_checkpoint("new", project=project)
    for number in range(8):
        item = make_item(project, ["a", "b"], sources=["new", "old"], prompt=make_prompt(project))
        make_annotation(item, strength=3 if number < 6 else -3)
    page = browser.get(at("results"), {"split": "train"})
    (duel,) = page.context["page"].duels
    assert (duel.a, duel.b, duel.won.rate, duel.won.n) == ("new", "old", 0.75, 8)
    text = page.content.decode()
    assert "in 75.0 % of 8 comparisons" in text
    assert "may still be chance" in text
    assert "± 16.4 %" in text  # sqrt(8/7 · 8 · 0.75 · 0.25) / 8 = 0.1637
    assert "style=" not in text
    assert not browser.get(at("results")).context["page"].duels, "the test split is empty"


def test_a_sample_that_meets_nobody_is_refused_at_its_field(
    client: Client, project: Project, researcher: User
) -> None:
    make_prompt(project)
    checkpoint = make_checkpoint()
    client.force_login(researcher)
    address = f"/projects/{project.slug}/runs/new/sample/"
    form = client.get(address).context["form"]
    values = {name: field.initial for name, field in form.fields.items()}
    sent = values | {"checkpoint": checkpoint.pk, "opponent": "", "n": "1"}
    answer = client.post(address, sent)
    assert answer.status_code == 422
    assert "One response has nobody to meet" in answer.content.decode()
    assert client.post(address, sent | {"n": ""}).status_code == 422
    assert not project.runs.exists()
    client.post(address, sent | {"n": str(form.fields["n"].initial)})
    assert project.runs.get().config["n"] == 2
