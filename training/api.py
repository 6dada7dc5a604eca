"""REST API v1: checkpoints and runs of a project, for its researchers."""

from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers, status
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response as Reply

from annotation.api_base import Conflict, ProjectView, signed_in
from annotation.models import Project
from training import queries, services
from training.engine.configs import ALGORITHMS
from training.models import Checkpoint, Metric, Run, Snapshot


class CheckpointSerializer(serializers.ModelSerializer[Checkpoint]):
    run = serializers.IntegerField(source="run_id", allow_null=True)

    class Meta:
        model = Checkpoint
        fields = (
            "id",
            "slug",
            "label",
            "role",
            "origin",
            "status",
            "progress",
            "error",
            "run",
            "step",
            "is_adapter",
            "sha256",
            "size_bytes",
            "created",
        )


class RunSerializer(serializers.ModelSerializer[Run]):
    checkpoint = serializers.CharField(source="checkpoint.slug")
    opponent = serializers.CharField(source="opponent.slug", default=None)
    snapshot = serializers.IntegerField(source="snapshot.number", default=None)

    class Meta:
        model = Run
        fields = (
            "id",
            "algorithm",
            "config",
            "checkpoint",
            "opponent",
            "snapshot",
            "round",
            "status",
            "attempt",
            "phase",
            "done",
            "total",
            "eta_seconds",
            "result",
            "versions",
            "error",
            "created",
            "started",
            "finished",
        )


class NewRunSerializer(serializers.Serializer[Any]):
    algorithm = serializers.ChoiceField(choices=list(ALGORITHMS))
    config = serializers.DictField(default=dict, help_text="Settings that differ from the default.")
    checkpoint = serializers.CharField(max_length=100, help_text="The slug of a checkpoint.")
    opponent = serializers.CharField(max_length=100, default="", allow_blank=True)
    snapshot = serializers.IntegerField(
        default=None, allow_null=True, help_text="Its number; without it, what is judged now."
    )


class MetricSerializer(serializers.ModelSerializer[Metric]):
    class Meta:
        model = Metric
        fields = ("name", "step", "value")


class CheckpointList(ProjectView):
    """The project's checkpoints and those for all."""

    serializer_class = CheckpointSerializer

    @extend_schema(operation_id="checkpoint_list", responses=CheckpointSerializer(many=True))
    def get(self, request: Request, slug: str) -> Reply:
        return self.page_of(queries.usable_checkpoints(self.project), CheckpointSerializer)


class RunList(ProjectView):
    """Runs of the project; a new one is queued at once."""

    serializer_class = RunSerializer

    @extend_schema(operation_id="run_list", responses=RunSerializer(many=True))
    def get(self, request: Request, slug: str) -> Reply:
        runs = self.project.runs.select_related("checkpoint", "opponent", "snapshot")
        return self.page_of(runs, RunSerializer)

    @extend_schema(
        operation_id="run_create", request=NewRunSerializer, responses={201: RunSerializer}
    )
    def post(self, request: Request, slug: str) -> Reply:
        form = NewRunSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        data = form.validated_data
        try:
            run = services.create_run(
                self.project,
                data["algorithm"],
                data["config"],
                _checkpoint(self.project, "checkpoint", data["checkpoint"]),
                snapshot=_snapshot(self.project, data["snapshot"]),
                opponent=_checkpoint(self.project, "opponent", data["opponent"])
                if data["opponent"]
                else None,
                user=signed_in(request),
            )
            services.start_run(run)
        except services.RunInvalid as refusal:
            raise ValidationError({refusal.field: [refusal.message]}) from None
        return Reply(
            RunSerializer(queries.run_in(self.project, run.pk)).data,
            status=status.HTTP_201_CREATED,
        )


class RunDetail(ProjectView):
    """One run as it stands."""

    @extend_schema(operation_id="run_read", responses=RunSerializer)
    def get(self, request: Request, slug: str, pk: int) -> Reply:
        return Reply(RunSerializer(queries.run_in(self.project, pk)).data)


class Cancel(ProjectView):
    """Cancel a run; a running one ends after the step in hand."""

    @extend_schema(operation_id="run_cancel", request=None, responses={202: RunSerializer})
    def post(self, request: Request, slug: str, pk: int) -> Reply:
        run = queries.run_in(self.project, pk)
        try:
            services.cancel_run(run)
        except services.NotNow as refusal:
            raise Conflict(str(refusal)) from None
        run = queries.run_in(self.project, pk)
        return Reply(RunSerializer(run).data, status=status.HTTP_202_ACCEPTED)


class Metrics(ProjectView):
    """What a run measured, newest first."""

    @extend_schema(
        operation_id="run_metrics",
        parameters=[OpenApiParameter("name", description="Only the metric of this name.")],
        responses=MetricSerializer(many=True),
    )
    def get(self, request: Request, slug: str, pk: int) -> Reply:
        metrics = queries.run_in(self.project, pk).metrics.all()
        if name := request.query_params.get("name"):
            metrics = metrics.filter(name=name)
        return self.page_of(metrics, MetricSerializer)


def _checkpoint(project: Project, field: str, slug: str) -> Checkpoint:
    checkpoint = queries.usable_checkpoints(project).filter(slug=slug).first()
    if checkpoint is None:
        raise ValidationError({field: [f"The project has no checkpoint {slug}."]})
    return checkpoint


def _snapshot(project: Project, number: int | None) -> Snapshot | None:
    if number is None:
        return None
    snapshot = project.snapshots.filter(number=number).first()
    if snapshot is None:
        raise ValidationError({"snapshot": [f"The project has no snapshot {number}."]})
    return snapshot
