"""What the API takes and gives, as JSON."""

from typing import Any

from drf_spectacular.utils import OpenApiExample, extend_schema_field
from knox.models import AuthToken
from rest_framework import serializers

from annotation.exports import EXPORTS, SUFFIXES
from annotation.exports.filters import LABELS
from annotation.models import Annotation, Assignment, Export, Item, Project, Prompt
from annotation.pseudonyms import pseudonym
from annotation.task_types import TASK_TYPES, TaskType


class Fields(serializers.Serializer[Any]):
    """What is sent. A name that nothing reads is refused: it would be lost without a word."""

    def to_internal_value(self, data: Any) -> Any:
        unknown = sorted(set(data) - set(self.fields)) if isinstance(data, dict) else []
        if unknown:
            why = [f"There is no such field; there are {', '.join(self.fields)}."]
            raise serializers.ValidationError({str(name)[:100]: why for name in unknown})
        return super().to_internal_value(data)


class NewTokenSerializer(Fields):
    """Only without a session."""

    username = serializers.CharField(max_length=150)
    password = serializers.CharField(max_length=4096, trim_whitespace=False)


class TokenSerializer(serializers.ModelSerializer[AuthToken]):
    key = serializers.CharField(source="token_key", help_text="Names the token; it is no secret.")
    token = serializers.CharField(read_only=True, required=False, help_text="Shown once.")

    class Meta:
        model = AuthToken
        fields = ("key", "created", "token")


class ProjectSerializer(serializers.ModelSerializer[Project]):
    class Meta:
        model = Project
        fields = ("slug", "name", "description", "task_type", "answers_per_item", "is_archived")


class MessageSerializer(Fields):
    role = serializers.ChoiceField(choices=["system", "user", "assistant"])
    content = serializers.CharField(trim_whitespace=False, max_length=1_000_000)


class PromptSerializer(serializers.ModelSerializer[Prompt]):
    messages = MessageSerializer(many=True)

    class Meta:
        model = Prompt
        fields = (
            "id",
            "messages",
            "split",
            "category",
            "external_id",
            "conversation_root",
            "created",
        )


class NewPromptSerializer(Fields):
    """The conversation; it ends with the user's turn."""

    messages = MessageSerializer(many=True, allow_empty=False)
    category = serializers.CharField(max_length=100, default="", allow_blank=True)
    external_id = serializers.CharField(max_length=200, default="", allow_blank=True)


class ItemResponseSerializer(Fields):
    id = serializers.IntegerField()
    text = serializers.CharField()
    source = serializers.CharField()  # type: ignore[assignment]  # a field, not Field.source


class ItemSerializer(serializers.ModelSerializer[Item]):
    prompt_id = serializers.IntegerField()
    responses = serializers.SerializerMethodField(help_text="In canonical order.")
    batch = serializers.CharField(source="named_batch.name", default=None, allow_null=True)

    class Meta:
        model = Item
        fields = (
            "id",
            "prompt_id",
            "task_type",
            "responses",
            "status",
            "answers_wanted",
            "answer_count",
            "priority",
            "batch",
            "round",
            "origin",
            "arm",
            "created",
        )

    @extend_schema_field(ItemResponseSerializer(many=True))
    def get_responses(self, item: Item) -> list[dict[str, Any]]:
        return [
            {
                "id": place.response_id,
                "text": place.response.text,
                "source": place.response.source.slug,
            }
            for place in item.item_responses.all()
        ]


class NewResponseSerializer(Fields):
    text = serializers.CharField(trim_whitespace=False, max_length=1_000_000)
    source = serializers.RegexField(  # type: ignore[assignment]  # a field, not Field.source
        r"^[\w.@+/:-]{1,100}\Z", default="api", help_text="Who wrote it; never shown to annotators."
    )


class NewItemSerializer(Fields):
    prompt = NewPromptSerializer()
    responses = NewResponseSerializer(
        many=True,
        default=list,
        help_text="As many as the task type asks about; none where it asks about the prompt alone.",
    )
    task_type = serializers.ChoiceField(choices=list(TASK_TYPES), required=False)
    answers_wanted = serializers.IntegerField(min_value=1, max_value=50, required=False)
    priority = serializers.IntegerField(
        min_value=-(2**31),
        max_value=2**31 - 1,
        default=0,
        help_text="Higher comes first; in a batch, the batch’s own counts.",
    )
    batch = serializers.CharField(
        max_length=100,
        required=False,
        help_text="The name of the batch it belongs to; a new name makes a batch for everybody. "
        "An item that is there already goes into it unless it is in another.",
    )
    key = serializers.CharField(
        max_length=150,
        default="",
        allow_blank=True,
        help_text="Names the item; without it, its prompt and responses do.",
    )


class AnnotationSerializer(serializers.ModelSerializer[Annotation]):
    item = serializers.IntegerField(source="assignment.item_id")
    annotator = serializers.SerializerMethodField(help_text="A pseudonym, for this project only.")
    display_order = serializers.ListField(
        child=serializers.IntegerField(), source="assignment.display_order"
    )
    guideline_version = serializers.IntegerField(source="guideline.version", default=None)
    is_current = serializers.SerializerMethodField(help_text="Whether this revision counts.")

    class Meta:
        model = Annotation
        fields = (
            "id",
            "item",
            "annotator",
            "kind",
            "revision",
            "is_current",
            "answer",
            "rationale",
            "seconds",
            "display_order",
            "guideline_version",
            "created",
        )

    def get_annotator(self, annotation: Annotation) -> str:
        assignment = annotation.assignment
        return pseudonym(assignment.item.project, assignment.annotator_id)

    def get_is_current(self, annotation: Annotation) -> bool:
        newest: int = annotation.newest  # type: ignore[attr-defined]  # annotated by the query
        return (
            annotation.assignment.status == Assignment.Status.ANSWERED
            and annotation.kind == Annotation.Kind.ANSWER
            and annotation.revision == newest
        )


class FiltersSerializer(Fields):
    """Which judgements; all of them without."""

    rounds = serializers.ListField(child=serializers.IntegerField(min_value=0), required=False)
    origins = serializers.ListField(
        child=serializers.ChoiceField(choices=Item.Origin.choices), required=False
    )
    sources = serializers.ListField(child=serializers.CharField(max_length=100), required=False)
    batches = serializers.ListField(child=serializers.CharField(max_length=100), required=False)
    answers = serializers.IntegerField(
        min_value=1, required=False, help_text="Only items that so many people answered."
    )
    agreement = serializers.FloatField(
        min_value=0,
        max_value=1,
        required=False,
        help_text="Only items on every pair of which at least this share of answers agrees.",
    )
    since = serializers.DateTimeField(required=False)
    annotators = serializers.ListField(
        child=serializers.CharField(max_length=16),
        required=False,
        help_text="Only answers of these, named as raw exports name them.",
    )
    guidelines = serializers.ListField(
        child=serializers.IntegerField(min_value=0),
        required=False,
        help_text="Only answers given under these versions; 0: under none.",
    )
    labels = serializers.ChoiceField(
        choices=list(LABELS.items()),
        required=False,
        help_text="What several answers to an item become; without it every vote counts.",
    )


class NewExportSerializer(Fields):
    format = serializers.ChoiceField(choices=list(EXPORTS))
    suffix = serializers.ChoiceField(choices=list(SUFFIXES), default="jsonl")
    split = serializers.ChoiceField(
        choices=Prompt.Split.choices, default="", allow_blank=True, help_text="Empty: both."
    )
    filters = FiltersSerializer(default=dict)


class ExportSerializer(serializers.ModelSerializer[Export]):
    class Meta:
        model = Export
        fields = (
            "id",
            "format",
            "suffix",
            "filters",
            "status",
            "row_count",
            "manifest",
            "error",
            "created",
            "finished",
        )


class ShownResponseSerializer(Fields):
    letter = serializers.CharField(help_text="A, B, … in the order shown.")
    text = serializers.CharField()
    is_truncated = serializers.BooleanField()


class TurnSerializer(Fields):
    """An assignment as its annotator sees it."""

    assignment = serializers.UUIDField()
    task_type = serializers.CharField()
    task_config = serializers.DictField()
    messages = MessageSerializer(many=True)
    responses = ShownResponseSerializer(many=True)
    guideline_version = serializers.IntegerField(allow_null=True)
    lease_until = serializers.DateTimeField()


def turn_of(assignment: Assignment) -> dict[str, Any]:
    """The assignment in display order, without a word about sources."""
    item = assignment.item
    places = item.item_responses.select_related("response").order_by("position")
    canonical = [place.response for place in places]
    shown = [canonical[index] for index in assignment.display_order]
    guideline = assignment.guideline
    return TurnSerializer(
        {
            "assignment": assignment.key,
            "task_type": item.task_type,
            "task_config": item.project.task_config | item.task_config,
            "messages": item.prompt.messages,
            "responses": [
                {
                    "letter": chr(ord("A") + place),
                    "text": response.text,
                    "is_truncated": response.is_truncated,
                }
                for place, response in enumerate(shown)
            ],
            "guideline_version": guideline.version if guideline else None,
            "lease_until": assignment.lease_until,
        }
    ).data


class SubmitSerializer(Fields):
    """The answer as the form of the task type takes it, in display order; see the examples.

    What `task_config` adds to a form is sent likewise: of pairwise comparisons "dimension_NAME": 1,
    0 or -1 for each dimension and "reasons": [words, …]. Instead of ranks, a ranking may hold
    {"not_rankable": true, "reason": "unclear_prompt"}.
    """

    answer = serializers.DictField()
    rationale = serializers.CharField(default="", allow_blank=True, max_length=10_000)
    submit_key = serializers.CharField(max_length=64)
    seconds = serializers.FloatField(min_value=0, default=None, allow_null=True)


def answer_examples() -> list[OpenApiExample]:
    """One request a task type, each out of the task type itself."""
    return [
        OpenApiExample(
            slug,
            summary=kind.LABEL,
            description=f"{(kind.__doc__ or '').partition(chr(10))[0]} {_fields_in_words(kind)}",
            value={
                "answer": {k: v for k, v in kind.EXAMPLE.items() if k != "rationale"},
                "rationale": kind.EXAMPLE.get("rationale", ""),
                "submit_key": "made by the client",
                "seconds": 12.5,
            },
            request_only=True,
        )
        for slug, kind in TASK_TYPES.items()
    ]


def _fields_in_words(kind: TaskType) -> str:
    """The form's fields, with what they can be where they name it."""
    form = kind.AnswerForm(responses=kind.EXAMPLE_RESPONSES)
    words = []
    for name, field in form.fields.items():
        values = [str(value) for value, _ in getattr(field, "choices", ())]
        if name != "rationale":
            words.append(f"{name}: {' | '.join(values)}" if values else name)
    return f"Fields: {'; '.join(words)}."


class SubmittedSerializer(serializers.ModelSerializer[Annotation]):
    class Meta:
        model = Annotation
        fields = ("revision", "created")
