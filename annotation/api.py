"""REST API v1: projects, prompts, items, annotations, exports, and the annotator's turn.

Everything lies inside a project and is found by what the user may do there: what is not yours looks
as if it did not exist. What an annotator gets says nothing about where a response came from.
"""

from typing import Any
from uuid import UUID

from django.contrib.auth import authenticate
from django.contrib.auth.models import User
from django.db import transaction
from django.http import FileResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import status
from rest_framework.exceptions import AuthenticationFailed, NotFound, ValidationError
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response as Reply
from rest_framework.views import APIView

from annotation import queries, queries_data, second_factor, services
from annotation.api_base import (
    Conflict,
    PasswordThrottle,
    ProjectView,
    refuse_unknown,
    signed_in,
)
from annotation.api_serializers import (
    AnnotationSerializer,
    ExportSerializer,
    ItemSerializer,
    NewExportSerializer,
    NewItemSerializer,
    NewPromptSerializer,
    NewTokenSerializer,
    ProjectSerializer,
    PromptSerializer,
    SubmitSerializer,
    SubmittedSerializer,
    TokenSerializer,
    TurnSerializer,
    answer_examples,
    turn_of,
)
from annotation.exports import jobs as export_jobs
from annotation.exports.filters import FilterInvalid
from annotation.models import Item, Project, Prompt, text_hash
from annotation.services import tokens
from annotation.task_types import TASK_TYPES
from annotation.views_data import file_response

# --- tokens ---------------------------------------------------------------------------------------


class TokenList(APIView):
    """Your tokens. A new one is shown in full once, in the answer that makes it."""

    permission_classes = [AllowAny]  # a password in the body will do instead of a session
    throttle_classes = [PasswordThrottle]

    @extend_schema(operation_id="token_list", responses=TokenSerializer(many=True))
    def get(self, request: Request) -> Reply:
        return Reply(TokenSerializer(tokens.tokens_of(signed_in(request)), many=True).data)

    @extend_schema(
        operation_id="token_create", request=NewTokenSerializer, responses={201: TokenSerializer}
    )
    def post(self, request: Request) -> Reply:
        session = request.user
        user = session if isinstance(session, User) else self.user_with_password(request)
        try:
            token, text = tokens.add_token(user)
        except services.NotAllowed as refusal:
            raise Conflict(str(refusal)) from None
        answer = TokenSerializer(token).data | {"token": text}
        return Reply(answer, status=status.HTTP_201_CREATED)

    def user_with_password(self, request: Request) -> User:
        form = NewTokenSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        user = authenticate(request._request, **form.validated_data)
        if not isinstance(user, User) or not user.is_active:
            raise AuthenticationFailed("There is no such user, or the password is wrong.")
        if second_factor.has_second_factor(user) or second_factor.is_missing(user):
            raise AuthenticationFailed(
                "A password is not enough for this account. Make a token on your account page."
            )
        return user


class TokenDetail(APIView):
    """One token, named by its first characters."""

    @extend_schema(operation_id="token_revoke", responses={204: None})
    def delete(self, request: Request, key: str) -> Reply:
        if not tokens.revoke_token(signed_in(request), key):
            raise NotFound("You have no such token.")
        return Reply(status=status.HTTP_204_NO_CONTENT)


# --- projects and what is asked -------------------------------------------------------------------


class ProjectList(ProjectView):
    """The projects you have a part in."""

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        APIView.initial(self, request, *args, **kwargs)  # there is no project to find

    @extend_schema(operation_id="project_list", responses=ProjectSerializer(many=True))
    def get(self, request: Request) -> Reply:
        return self.page_of(queries_data.projects_of(signed_in(request)), ProjectSerializer)


class PromptList(ProjectView):
    """Prompts of the project; adding one that is there returns it."""

    serializer_class = PromptSerializer

    @extend_schema(operation_id="prompt_list", responses=PromptSerializer(many=True))
    def get(self, request: Request, slug: str) -> Reply:
        return self.page_of(self.project.prompts.all(), PromptSerializer)

    @extend_schema(
        operation_id="prompt_create",
        request=NewPromptSerializer,
        responses={
            201: PromptSerializer,
            200: OpenApiResponse(PromptSerializer, description="It was there already."),
        },
    )
    def post(self, request: Request, slug: str) -> Reply:
        form = NewPromptSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        prompt, created = add_prompt(self.project, form.validated_data)
        return Reply(PromptSerializer(prompt).data, status=_created(created))


def add_prompt(project: Project, data: dict[str, Any]) -> tuple[Prompt, bool]:
    try:
        return services.get_or_add_prompt(
            project,
            data["messages"],
            category=data["category"],
            external_id=data["external_id"],
        )
    except services.ContentInvalid as refusal:
        raise ValidationError({"messages": [str(refusal)]}) from None


class ItemList(ProjectView):
    """Items of the project with their responses; the same responses are never asked about twice."""

    serializer_class = ItemSerializer

    @extend_schema(operation_id="item_list", responses=ItemSerializer(many=True))
    def get(self, request: Request, slug: str) -> Reply:
        return self.page_of(queries_data.items_with_responses(self.project), ItemSerializer)

    @extend_schema(
        operation_id="item_create",
        request=NewItemSerializer,
        responses={
            201: ItemSerializer,
            200: OpenApiResponse(ItemSerializer, description="It was asked already."),
        },
    )
    def post(self, request: Request, slug: str) -> Reply:
        form = NewItemSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        item, created = add_item(self.project, form.validated_data)
        return Reply(ItemSerializer(item).data, status=_created(created))


def add_item(project: Project, data: dict[str, Any]) -> tuple[Item, bool]:
    """Add the prompt and the responses where they are new, and queue the item."""
    texts = [response["text"].strip() for response in data["responses"]]
    if len(set(texts)) < len(texts):
        raise ValidationError({"responses": ["Two responses read the same; leave one out."]})
    prompt, _ = add_prompt(project, data["prompt"])
    try:
        responses = [
            services.get_or_add_response(
                prompt, services.get_or_add_source(project, response["source"]), response["text"]
            )[0]
            for response in data["responses"]
        ]
        parts = " ".join([prompt.content_hash, *sorted(r.text_hash for r in responses)])
        key = data["key"] or text_hash(parts)
        with transaction.atomic():  # no batch is left that nothing goes into
            batch = services.get_or_add_batch(project, data["batch"]) if "batch" in data else None
            item = services.queue_item(
                project,
                prompt,
                responses,
                key=f"api:{key}",
                task_type=data.get("task_type"),
                answers_wanted=data.get("answers_wanted"),
                priority=data["priority"],
                origin=Item.Origin.API,
                named_batch=batch,
            )
            if item is None and batch is not None:
                known = project.items.filter(key=f"api:{key}")
                if not services.put_into_batch(batch, known):
                    transaction.set_rollback(True)
    except services.ContentInvalid as refusal:
        raise ValidationError({"responses": [str(refusal)]}) from None
    if item is not None:
        return queries_data.item_by_key(project, item.key), True
    return queries_data.item_by_key(project, f"api:{key}"), False


class AnnotationList(ProjectView):
    """Every revision of every answer, under pseudonyms; `is_current` marks those that count."""

    serializer_class = AnnotationSerializer

    @extend_schema(operation_id="annotation_list", responses=AnnotationSerializer(many=True))
    def get(self, request: Request, slug: str) -> Reply:
        return self.page_of(queries_data.annotations_of(self.project), AnnotationSerializer)


# --- exports --------------------------------------------------------------------------------------


class ExportList(ProjectView):
    """Exports of the project; a new one is written by a worker."""

    serializer_class = ExportSerializer

    @extend_schema(operation_id="export_list", responses=ExportSerializer(many=True))
    def get(self, request: Request, slug: str) -> Reply:
        return self.page_of(self.project.exports.all(), ExportSerializer)

    @extend_schema(
        operation_id="export_create",
        request=NewExportSerializer,
        responses={202: ExportSerializer},
    )
    def post(self, request: Request, slug: str) -> Reply:
        form = NewExportSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        data = form.validated_data
        try:
            export = export_jobs.add_export(
                self.project,
                data["format"],
                data["suffix"],
                split=data["split"] or None,
                filters=data["filters"],
                user=signed_in(request),
            )
        except FilterInvalid as refusal:
            raise ValidationError({refusal.field: [refusal.message]}) from None
        return Reply(ExportSerializer(export).data, status=status.HTTP_202_ACCEPTED)


class ExportDetail(ProjectView):
    """How far an export is."""

    @extend_schema(operation_id="export_read", responses=ExportSerializer)
    def get(self, request: Request, slug: str, pk: int) -> Reply:
        return Reply(ExportSerializer(queries_data.find_export(self.project, pk)).data)

    @extend_schema(operation_id="export_delete", responses={204: None})
    def delete(self, request: Request, slug: str, pk: int) -> Reply:
        export_jobs.delete_export(queries_data.find_export(self.project, pk))
        return Reply(status=status.HTTP_204_NO_CONTENT)


class ExportDownload(ProjectView):
    """The file of a finished export, as it is."""

    @extend_schema(
        operation_id="export_download",
        parameters=[
            OpenApiParameter("part", enum=["manifest"], description="The manifest instead.")
        ],
        responses={(200, "application/octet-stream"): OpenApiTypes.BINARY},
    )
    def get(self, request: Request, slug: str, pk: int) -> FileResponse:
        export = queries_data.find_export(self.project, pk)
        return file_response(export, request.query_params.get("part"))


# --- the annotator's turn -------------------------------------------------------------------------


class Next(ProjectView):
    """Your open assignment, else the next one in turn; nothing says who wrote the responses.

    409 while something has to be read first: the notice says what.
    """

    verb = "annotate"

    @extend_schema(
        operation_id="next",
        request=None,
        responses={200: TurnSerializer, 204: OpenApiResponse(description="Nothing waits for you.")},
    )
    def post(self, request: Request, slug: str) -> Reply:
        try:
            services.require_all_read(self.project, signed_in(request))
            held = queries.open_assignments(self.project, signed_in(request))
            # A held one starts its lease afresh, as a new one does: what is left of it would tell
            # that it was claimed together with another one.
            turn = held[0] if held else services.claim_turn(self.project, signed_in(request))
            if held:
                services.heartbeat(held[0])
        except services.NotAllowed as refusal:
            raise Conflict(str(refusal)) from None
        if turn is None:
            return Reply(status=status.HTTP_204_NO_CONTENT)
        return Reply(turn_of(queries.find_assignment(turn.key, signed_in(request))))


class Submit(APIView):
    """Answer your assignment, in the order it was shown; the same key adds nothing twice."""

    @extend_schema(
        operation_id="submit",
        request=SubmitSerializer,
        responses={201: SubmittedSerializer},
        examples=answer_examples(),
    )
    def post(self, request: Request, key: UUID) -> Reply:
        assignment = queries.find_assignment(key, signed_in(request))
        form = SubmitSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        sent = form.validated_data
        answer = queries.answer_form(assignment, {**sent["answer"], "rationale": sent["rationale"]})
        refuse_unknown(answer, sent["answer"])
        if not answer.is_valid():
            raise ValidationError(
                {name: list(map(str, why)) for name, why in answer.errors.items()}
            )
        task_type = TASK_TYPES[assignment.item.task_type]
        try:
            annotation = services.submit_answer(
                assignment,
                answer=task_type.to_canonical(answer.cleaned_data, assignment.display_order),
                rationale=answer.cleaned_data["rationale"],
                submit_key=sent["submit_key"],
                seconds=sent["seconds"],
            )
        except services.AnswerInvalid as refusal:
            raise ValidationError({refusal.field: [refusal.message]}) from None
        except (services.AssignmentLost, services.SubmitConflict, services.NotAllowed) as refusal:
            raise Conflict(str(refusal)) from None
        return Reply(SubmittedSerializer(annotation).data, status=status.HTTP_201_CREATED)


def _created(created: bool) -> int:
    return status.HTTP_201_CREATED if created else status.HTTP_200_OK
