"""How a project spreads its questions over its people."""

from annotation.models import FlowPolicy, Project


def flow_policy_of(project: Project) -> FlowPolicy | None:
    """The project's policy; no query where the project was fetched with it."""
    policy: FlowPolicy | None = getattr(project, "flow_policy", None)
    return policy


def set_flow_policy(project: Project, **fields: float) -> FlowPolicy:
    """Change how much is asked of whom; ValidationError for a value that does not fit."""
    policy = flow_policy_of(project) or FlowPolicy(project=project)
    for name, value in fields.items():
        setattr(policy, name, value)
    policy.full_clean()
    policy.save()
    return policy
