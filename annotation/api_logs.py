"""REST API v1: what a project's models said in production."""

from collections import Counter
from dataclasses import asdict
from typing import Any

from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response as Reply

from annotation import services
from annotation.api_base import Conflict, ProjectView
from annotation.services.logs import DUPLICATE, INVALID, MAX_RECORDS, SAMPLED_OUT, STORED

OUTCOMES = (STORED, SAMPLED_OUT, DUPLICATE, INVALID)


class LogsSerializer(serializers.Serializer[Any]):
    """Up to 500 records; the example shows one with all that it may hold."""

    records = serializers.ListField(
        child=serializers.JSONField(),
        allow_empty=False,
        max_length=MAX_RECORDS,
        error_messages={
            "max_length": f"At most {MAX_RECORDS} records at once; send the rest after them."
        },
    )


class OutcomeSerializer(serializers.Serializer[Any]):
    index = serializers.IntegerField(help_text="The place of the record in the request, from 0.")
    outcome = serializers.ChoiceField(choices=OUTCOMES)
    reason = serializers.CharField(allow_blank=True)
    prompt = serializers.IntegerField(allow_null=True)
    response = serializers.IntegerField(allow_null=True)


class TakenSerializer(serializers.Serializer[Any]):
    counts = serializers.DictField(child=serializers.IntegerField())
    records = OutcomeSerializer(many=True)


EXAMPLE = {
    "records": [
        {
            "id": "req_81",
            "model": "assistant-2",
            "messages": [{"role": "user", "content": "When does the museum open?"}],
            "response": "At nine, on Sundays at ten.",
            "created": 1769860800,
            "category": "opening hours",
            "metadata": {"region": "eu", "latency_ms": 412},
        }
    ]
}


class LogList(ProjectView):
    """Take in records of production, as the project's policy says.

    Personal data is replaced before anything is stored. A record that is sent again is a duplicate,
    and changes nothing. 409 while the project takes none.
    """

    serializer_class = LogsSerializer

    @extend_schema(
        operation_id="log_create",
        request=LogsSerializer,
        responses={200: TakenSerializer},
        examples=[OpenApiExample("one record", value=EXAMPLE, request_only=True)],
    )
    def post(self, request: Request, slug: str) -> Reply:
        form = LogsSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        try:
            outcomes = services.take_records(self.project, form.validated_data["records"])
        except services.ContentInvalid as refusal:
            raise ValidationError({"records": [str(refusal)]}) from None
        except services.NotAllowed as refusal:
            raise Conflict(str(refusal)) from None
        found = Counter(outcome.outcome for outcome in outcomes)
        return Reply(
            {
                "counts": {name: found[name] for name in OUTCOMES},
                "records": [{"index": n} | asdict(each) for n, each in enumerate(outcomes)],
            }
        )
