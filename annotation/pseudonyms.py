"""Names for annotators that outsiders may see.

HMAC-SHA256 over the user's id, keyed by the installation's secret and the project's salt: the same
person keeps one name inside a project and cannot be followed from one project into another.
"""

from django.utils.crypto import salted_hmac

from annotation.models import Project


def pseudonym(project: Project, user_id: int) -> str:
    """Sixteen hexadecimal digits that stand for this user in this project."""
    key = f"prefloop.annotator.{project.pk}.{project.split_salt}"
    return salted_hmac(key, str(user_id), algorithm="sha256").hexdigest()[:16]
