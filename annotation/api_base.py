"""What all parts of the REST API share: the project, pages, refusals, the errors in the schema."""

from collections.abc import Mapping
from typing import Any

from django.contrib.auth.models import User
from django.forms import Form
from rest_framework import serializers, status
from rest_framework.exceptions import APIException, NotAuthenticated
from rest_framework.generics import GenericAPIView
from rest_framework.pagination import CursorPagination
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.throttling import AnonRateThrottle

from annotation.models import Project
from annotation.queries import find_project


class Conflict(APIException):
    """What is asked for cannot happen in the present state."""

    status_code = status.HTTP_409_CONFLICT
    default_detail = "This cannot be done now."
    default_code = "conflict"


class NewestFirst(CursorPagination):
    """By id alone: ids are unique, so no row is lost between pages, however many share a time."""

    ordering = "-id"
    page_size = 100
    page_size_query_param = "page_size"
    max_page_size = 1000


class PasswordThrottle(AnonRateThrottle):
    """For the one address that takes passwords."""

    scope = "password"
    rate = "10/min"


def refuse_unknown(form: Form, sent: Mapping[str, Any]) -> None:
    """Raise ValidationError for a part of an answer that its form does not read."""
    unknown = sorted(set(map(str, sent)) - set(form.fields))
    if unknown:
        known = ", ".join(name for name in form.fields if name != "rationale")
        why = [f"There is no such part of this answer; there are {known}."]
        raise serializers.ValidationError({name[:100]: why for name in unknown})


def signed_in(request: Request) -> User:
    """The user; NotAuthenticated where there is none."""
    if not isinstance(request.user, User):
        raise NotAuthenticated
    return request.user


class ProjectView(GenericAPIView[Any]):
    """A view inside of a project, found before anything else by what the user may do there."""

    verb = "research"
    pagination_class = NewestFirst
    project: Project

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        self.project = find_project(kwargs["slug"], request.user, self.verb)

    def page_of(self, rows: Any, serializer: type[serializers.BaseSerializer[Any]]) -> Response:
        """One page of the rows, newest first."""
        page = self.paginate_queryset(rows)
        reply: Response = self.get_paginated_response(serializer(page, many=True).data)
        return reply


def declare_errors(result: dict[str, Any], **kwargs: Any) -> dict[str, Any]:
    """Add the errors that every operation can answer with, and their body, to the schema."""
    detail = {"type": "object", "properties": {"detail": {"type": "string"}}}
    fields = {
        "type": "object",
        "additionalProperties": {},
        "description": "For each field what is wrong with it; `detail` for the body as a whole.",
    }
    result.setdefault("components", {}).setdefault("schemas", {}).update(
        {"Error": detail, "FieldErrors": fields}
    )
    answers = {
        "400": ("The request is not right; the body names the fields.", "FieldErrors"),
        "401": ("No token, or none that holds.", "Error"),
        "403": ("Your role does not allow this.", "Error"),
        "404": ("It does not exist, or you have no part in it.", "Error"),
        "409": ("It cannot be done in the present state.", "Error"),
        "415": ("The body is not JSON.", "Error"),
        "429": ("Too many requests; wait.", "Error"),
    }
    for path in result.get("paths", {}).values():
        for operation in path.values():
            for code, (description, schema) in answers.items():
                operation["responses"].setdefault(
                    code,
                    {
                        "description": description,
                        "content": {
                            "application/json": {
                                "schema": {"$ref": f"#/components/schemas/{schema}"}
                            }
                        },
                    },
                )
    return result
