"""The ladder of roles, from every rung."""

import pytest
from django.contrib.auth.models import AnonymousUser, User
from django.core.exceptions import PermissionDenied
from django.http import Http404

from annotation import permissions, services
from annotation.models import Membership, Project
from tests.builders import make_member

VERBS = ["annotate", "review", "research", "manage"]
MAY = {
    "annotator": [True, False, False, False],
    "reviewer": [True, True, False, False],
    "researcher": [True, True, True, False],
    "manager": [True, True, True, True],
}


@pytest.mark.parametrize("role", MAY)
def test_a_role_includes_the_lower_ones(project: Project, role: str) -> None:
    user = make_member(project, role)
    assert [permissions.can(user, verb, project) for verb in VERBS] == MAY[role]


def test_every_role_stands_on_the_ladder() -> None:
    assert [role.value for role in permissions.LADDER] == Membership.Role.values
    assert list(MAY) == Membership.Role.values


def test_an_admin_may_everything_without_being_a_member(project: Project, admin: User) -> None:
    assert all(permissions.can(admin, verb, project) for verb in VERBS)


def test_strangers_may_nothing(project: Project, researcher_elsewhere: User) -> None:
    for user in (researcher_elsewhere, AnonymousUser()):
        assert not any(permissions.can(user, verb, project) for verb in VERBS)


def test_who_was_switched_off_may_nothing(project: Project, admin: User) -> None:
    member = make_member(project, "manager")
    for user in (member, admin):
        user.is_active = False
        user.save()
        assert not any(permissions.can(user, verb, project) for verb in VERBS)


def test_a_change_of_role_counts_at_once(project: Project, annotator: User) -> None:
    services.add_member(project, annotator, "researcher")
    assert permissions.can(annotator, "research", project)


def test_require_hides_the_project_from_strangers_and_refuses_members(
    project: Project, annotator: User, annotator_elsewhere: User
) -> None:
    assert permissions.require(annotator, "annotate", project) == "annotator"
    with pytest.raises(PermissionDenied):
        permissions.require(annotator, "research", project)
    with pytest.raises(Http404):
        permissions.require(annotator_elsewhere, "annotate", project)


def test_an_unknown_verb_is_a_fault_of_the_program(project: Project, annotator: User) -> None:
    with pytest.raises(KeyError):
        permissions.can(annotator, "fly", project)


def test_roles_for_lists_whoever_may() -> None:
    assert permissions.roles_for("review") == ["reviewer", "researcher", "manager"]
