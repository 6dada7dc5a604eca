"""The reviewer's side of the API: disputed items, one item with what was said, and verdicts.

As on the screen, nothing says where a response came from, and annotators stand under pseudonyms to
all but managers. Responses stand in the order in which this reviewer sees the item, each time.
"""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response as Reply

from annotation import queries_adjudication, queries_review, services
from annotation.api_base import Conflict, ProjectView, refuse_unknown, signed_in
from annotation.api_serializers import MessageSerializer, ShownResponseSerializer
from annotation.models import Item, Verdict
from annotation.queries_review import STATES, Filters
from annotation.task_types import TASK_TYPES, Answer

Fields = serializers.Serializer[Any]
MAX_ID = 2**63 - 1


class DisagreementFilterSerializer(Fields):
    state = serializers.ChoiceField(choices=list(STATES.items()), default="open")
    task_type = serializers.ChoiceField(choices=list(TASK_TYPES), default="", allow_blank=True)
    category = serializers.CharField(
        max_length=100, default="", allow_blank=True, trim_whitespace=False
    )
    before = serializers.IntegerField(
        min_value=0, max_value=MAX_ID, default=0, help_text="`earlier` of the list before this."
    )
    page = serializers.IntegerField(min_value=1, max_value=10_000, default=1)


class DisagreementSerializer(Fields):
    item = serializers.IntegerField()
    prompt = serializers.CharField()
    task = serializers.CharField()
    category = serializers.CharField()
    answers = serializers.IntegerField(help_text="How many count.")
    disagreement = serializers.FloatField(help_text="The chance that two of them differ.")
    flags = serializers.ListField(child=serializers.CharField())
    verdict = serializers.CharField(help_text="In words; empty where there is none.")


class DisagreementListSerializer(Fields):
    count = serializers.IntegerField(help_text="Of the items compared, how many are listed.")
    next_page = serializers.IntegerField(allow_null=True)
    earlier = serializers.IntegerField(
        allow_null=True, help_text="Send it as `before` to go on to older items, if there are any."
    )
    results = DisagreementSerializer(many=True)


class DisagreementList(ProjectView):
    """Items whose answers disagree, the most disputed first; and what else waits for a reviewer."""

    verb = "review"
    serializer_class = DisagreementListSerializer

    @extend_schema(
        operation_id="disagreement_list",
        parameters=[DisagreementFilterSerializer],
        responses=DisagreementListSerializer,
    )
    def get(self, request: Request, slug: str) -> Reply:
        asked = DisagreementFilterSerializer(data=request.query_params)
        asked.is_valid(raise_exception=True)
        chosen = dict(asked.validated_data)
        number = chosen.pop("page")
        found = queries_review.disagreements(
            self.project, signed_in(request), Filters(**chosen), number
        )
        return Reply(DisagreementListSerializer(found).data)


class AnswerInWordsSerializer(Fields):
    annotator = serializers.CharField(source="by")
    answer = serializers.CharField(source="words", help_text="In words, by the letters here.")
    rationale = serializers.CharField()
    seconds = serializers.FloatField(allow_null=True)
    guideline_version = serializers.IntegerField(allow_null=True)
    counts = serializers.SerializerMethodField(help_text="False: it came after all slots.")
    created = serializers.DateTimeField()

    def get_counts(self, answer: queries_adjudication.ShownAnswer) -> bool:
        return not answer.is_extra


class VerdictInWordsSerializer(Fields):
    kind = serializers.ChoiceField(choices=Verdict.Kind.choices)
    words = serializers.CharField()
    reason = serializers.CharField()
    reviewer = serializers.CharField(source="by")
    guideline_version = serializers.IntegerField(allow_null=True)
    created = serializers.DateTimeField()


class AdjudicationSerializer(Fields):
    item = serializers.IntegerField(source="item.pk")
    task_type = serializers.CharField(source="item.task_type")
    task_config = serializers.DictField(source="card.config")
    messages = MessageSerializer(many=True, source="item.prompt.messages")
    responses = ShownResponseSerializer(many=True, source="card.responses")
    disagreement = serializers.FloatField()
    answers = AnswerInWordsSerializer(many=True)
    verdicts = VerdictInWordsSerializer(many=True, help_text="The one that holds first.")
    known = serializers.IntegerField(help_text="Names the newest verdict; 0 for none.")


class NewVerdictSerializer(Fields):
    """`answer` is what the form of the task type takes, in the order shown here, as for `submit`;
    only with the kind `answer`."""

    kind = serializers.ChoiceField(choices=Verdict.Kind.choices)
    answer = serializers.DictField(required=False)
    reason = serializers.CharField(max_length=10_000)
    submit_key = serializers.CharField(max_length=64)
    known = serializers.IntegerField(
        min_value=0,
        default=None,
        allow_null=True,
        help_text="As it was read: refused if another verdict came meanwhile. Null does not ask.",
    )


class VerdictSerializer(serializers.ModelSerializer[Verdict]):
    class Meta:
        model = Verdict
        fields = ("id", "kind", "answer", "reason", "created")


class VerdictList(ProjectView):
    """One item with every answer and verdict; a new verdict supersedes the last one."""

    verb = "review"
    serializer_class = AdjudicationSerializer

    @extend_schema(operation_id="adjudication_read", responses=AdjudicationSerializer)
    def get(self, request: Request, slug: str, pk: int) -> Reply:
        item = queries_adjudication.find_reviewed(self.project, pk)
        return Reply(
            AdjudicationSerializer(queries_adjudication.adjudication(item, signed_in(request))).data
        )

    @extend_schema(
        operation_id="verdict_create",
        request=NewVerdictSerializer,
        responses={201: VerdictSerializer},
    )
    def post(self, request: Request, slug: str, pk: int) -> Reply:
        item = queries_adjudication.find_reviewed(self.project, pk)
        form = NewVerdictSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        sent = form.validated_data
        try:
            verdict = services.give_verdict(
                item,
                kind=sent["kind"],
                answer=self.answer_of(request, item, sent),
                reason=sent["reason"],
                reviewer=signed_in(request),
                submit_key=sent["submit_key"],
                known=sent["known"],
            )
        except services.AnswerInvalid as refusal:
            name = "reason" if refusal.field == "rationale" else refusal.field
            raise ValidationError({name: [refusal.message]}) from None
        except (services.SubmitConflict, services.NotAllowed) as refusal:
            raise Conflict(str(refusal)) from None
        return Reply(VerdictSerializer(verdict).data, status=status.HTTP_201_CREATED)

    def answer_of(self, request: Request, item: Item, sent: dict[str, Any]) -> Answer | None:
        """What was sent, in canonical order."""
        if sent["kind"] != Verdict.Kind.ANSWER:
            return sent.get("answer")
        order = queries_adjudication.order_for(
            item, signed_in(request), item.item_responses.count()
        )
        filled = {**sent.get("answer", {}), "rationale": sent["reason"]}
        form = queries_adjudication.verdict_form(item, order, filled)
        refuse_unknown(form, sent.get("answer", {}))
        if not form.is_valid():
            raise ValidationError({name: list(map(str, why)) for name, why in form.errors.items()})
        return TASK_TYPES[item.task_type].to_canonical(form.cleaned_data, order)
