"""Projects, their people and their guidelines."""

from typing import Any

from django.contrib.auth.models import User
from django.db import transaction

from annotation.models import Guideline, Membership, Project
from annotation.permissions import roles_for
from annotation.services.errors import NotAllowed


@transaction.atomic
def create_project(
    *, slug: str, name: str, owner: User | None = None, guideline: str = "", **fields: Any
) -> Project:
    """Start a project; its owner becomes its manager, its first guideline is version 1.

    Raises django.core.exceptions.ValidationError for a bad or taken slug.
    """
    project = Project(slug=slug, name=name, **fields)
    project.full_clean()
    project.save()
    if owner is not None:
        add_member(project, owner, Membership.Role.MANAGER)
    if guideline.strip():
        new_guideline(project, guideline, owner)
    return project


@transaction.atomic
def update_project(project: Project, **fields: Any) -> Project:
    """Change columns of a project; raises ValidationError for a value that does not fit."""
    for name, value in fields.items():
        setattr(project, name, value)
    project.full_clean()
    project.save(update_fields=list(fields))
    return project


@transaction.atomic
def add_member(project: Project, user: User, role: str = Membership.Role.ANNOTATOR) -> Membership:
    """Take the user into the project, or change the role held in it.

    A project that has a manager keeps one. Researchers may enter the admin panel, which shows
    them the rows of their own projects, and may start projects.
    """
    Project.objects.select_for_update().get(pk=project.pk)
    if role != Membership.Role.MANAGER:
        _refuse_to_lose_the_last_manager(project, user)
    membership, _ = Membership.objects.update_or_create(
        project=project, user=user, defaults={"role": Membership.Role(role)}
    )
    if role in roles_for("research") and not user.is_staff:
        user.is_staff = True
        user.save(update_fields=["is_staff"])
    return membership


@transaction.atomic
def remove_member(project: Project, user: User) -> None:
    """End the membership. What the person said stays; open leases end by themselves."""
    Project.objects.select_for_update().get(pk=project.pk)
    _refuse_to_lose_the_last_manager(project, user)
    project.memberships.filter(user=user).delete()


def _refuse_to_lose_the_last_manager(project: Project, user: User) -> None:
    managers = project.memberships.filter(role=Membership.Role.MANAGER)
    is_manager = managers.filter(user=user).exists()
    if is_manager and not managers.exclude(user=user).filter(user__is_active=True).exists():
        raise NotAllowed(f"{user} is the only manager of {project.name}. Name another one first.")


@transaction.atomic
def new_guideline(project: Project, text: str, user: User | None = None) -> Guideline:
    """Publish a new version; unchanged text keeps the version that stands."""
    Project.objects.select_for_update().get(pk=project.pk)
    newest = project.guidelines.order_by("-version").first()
    if newest is not None and newest.text == text:
        return newest
    return Guideline.objects.create(
        project=project,
        version=newest.version + 1 if newest else 1,
        text=text,
        created_by=user,
    )
