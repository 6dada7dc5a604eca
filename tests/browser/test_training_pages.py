"""The pages of training, of data and of results: no violation that axe or the policy can find."""

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import expect

from annotation.models import Project
from tests.browser.checks import assert_no_axe_violations, assert_no_sideways_scroll
from tests.browser.conftest import OpenPage
from tests.builders import make_annotation, make_item, make_prompt
from tests.training.builders import engine, make_checkpoint, make_run
from training import runner
from training.models import Run

pytestmark = pytest.mark.usefixtures("training_folders", "quick_ticks")

HOSTILE = '<img src=x onerror="alert(2)"> <script>alert(1)</script> [x](javascript:alert(3))'
WIDE = f"```python\n{'x' * 300} = 1\n```\n\n| {'a | ' * 40}\n|{'---|' * 40}\n| {'1 | ' * 40}"
PAGES = [
    "runs/",
    "runs/new/reward/",
    "runs/new/dpo/",
    "runs/new/sample/",
    "checkpoints/",
    "snapshots/",
    "results/?split=all",
    "imports/",
    "exports/",
    "items/build/",
]


@pytest.fixture
def runs(project: Project) -> list[Run]:
    """A finished run with curves and a checkpoint, a failed one, one with samples, one queued."""
    old, new = make_checkpoint("old"), make_checkpoint("new", project=project)
    for _ in range(3):
        item = make_item(project, ["a", "b"], sources=["new", "old"], prompt=make_prompt(project))
        make_annotation(item, strength=3)
    made = [
        make_run(project, checkpoint=old),
        make_run(project, "reward", checkpoint=old),
        make_run(project, "sample", checkpoint=new, opponent=old),
    ]
    scripts = (["--steps", 30], ["--fail", "Diverged: the loss is nan at step 3"], ["--samples"])
    for run, arguments in zip(made, scripts, strict=True):
        runner.carry_out(run.pk, command=engine(*arguments))
    for text in (HOSTILE, WIDE):
        made[2].samples.create(prompt=make_prompt(project, text), text=text)
    return [*made, make_run(project, checkpoint=old)]


@pytest.mark.parametrize(("width", "scheme"), [(1440, "light"), (375, "dark")])
def test_everyone_can_use_the_pages_of_training(
    open_page: OpenPage, project: Project, manager: User, runs: list[Run], width: int, scheme: str
) -> None:
    page = open_page(manager, width=width, scheme=scheme)
    details = [f"runs/{run.pk}/" for run in runs]
    compared = f"runs/compare/?run={runs[0].pk}&run={runs[1].pk}"
    for path in [*details, compared, *PAGES]:
        answer = page.goto(f"/projects/demo/{path}")
        assert answer is not None
        assert answer.ok, path
        expect(page.locator("h1").first).to_be_visible()
        if path in (details[0], compared):
            expect(page.locator(".uplot canvas").first).to_be_visible()
        assert_no_axe_violations(page)
        assert_no_sideways_scroll(page)


def test_the_samples_of_a_run_are_inert(
    open_page: OpenPage, manager: User, runs: list[Run]
) -> None:
    page = open_page(manager)
    page.on("dialog", lambda _: pytest.fail("a sample ran as a script"))
    page.goto(f"/projects/demo/runs/{runs[2].pk}/")
    expect(page.get_by_text("alert(2)").first).to_be_visible()
    assert page.locator("main img, main script, a[href^='javascript:']").count() == 0
