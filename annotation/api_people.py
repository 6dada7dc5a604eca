"""REST API v1: what an annotator has to read."""

from typing import Any
from uuid import UUID

from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response as Reply
from rest_framework.views import APIView

from annotation import queries, queries_people, services
from annotation.api_base import Conflict, ProjectView, signed_in


class GuidelineSerializer(serializers.Serializer[Any]):
    version = serializers.IntegerField()
    text = serializers.CharField(help_text="Markdown.")
    created = serializers.DateTimeField()


class AcknowledgeSerializer(serializers.Serializer[Any]):
    version = serializers.IntegerField(min_value=1, max_value=2**31 - 1)


class GuidelineView(ProjectView):
    """The guideline in force, and your word that you have read it."""

    verb = "annotate"

    @extend_schema(
        operation_id="guideline_read",
        responses={
            200: GuidelineSerializer,
            204: OpenApiResponse(description="The project has none."),
        },
    )
    def get(self, request: Request, slug: str) -> Reply:
        guideline = queries.guideline(self.project)
        if guideline is None:
            return Reply(status=status.HTTP_204_NO_CONTENT)
        return Reply(GuidelineSerializer(guideline).data)

    @extend_schema(
        operation_id="guideline_acknowledge", request=AcknowledgeSerializer, responses={204: None}
    )
    def post(self, request: Request, slug: str) -> Reply:
        form = AcknowledgeSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        try:
            services.acknowledge(self.project, signed_in(request), form.validated_data["version"])
        except services.NotAllowed as refusal:
            raise Conflict(str(refusal)) from None
        return Reply(status=status.HTTP_204_NO_CONTENT)


class FeedbackSerializer(serializers.Serializer[Any]):
    agrees = serializers.BooleanField()
    yours = serializers.CharField(help_text="Your answer in words, as it was shown.")
    theirs = serializers.CharField(help_text="The researchers' answer, in the same order.")
    reason = serializers.CharField(help_text="Markdown.")


class FeedbackView(APIView):
    """The researchers' answer to a training item that you have answered. Asking for it reads it:
    the next turn is yours then, and your answer stays."""

    @extend_schema(operation_id="feedback_read", request=None, responses={200: FeedbackSerializer})
    def post(self, request: Request, key: UUID) -> Reply:
        assignment = queries.find_assignment(key, signed_in(request))
        try:
            services.reveal(assignment)
        except services.NotAllowed as refusal:
            raise Conflict(str(refusal)) from None
        return Reply(FeedbackSerializer(queries_people.verdicts(assignment)).data)
