"""/healthz: can this installation do its work? 200 or 503, and which part cannot; nothing else.

Open to everyone (load balancers do not sign in), so it says neither addresses nor error texts:
those go to the log.
"""

import logging
import shutil
import uuid
from collections.abc import Callable
from pathlib import Path

import redis
from django.conf import settings
from django.db import connection
from django.http import HttpRequest, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

logger = logging.getLogger(__name__)

FREE_BYTES = 200 * 2**20  # below this, runs and imports are about to fail half-way


def check_database() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")


def check_queue() -> None:
    if settings.REDIS_URL:
        redis.Redis.from_url(settings.REDIS_URL, socket_timeout=3).ping()
    else:
        folder = Path(settings.CELERY_BROKER_TRANSPORT_OPTIONS["data_folder_out"])
        probe = folder.parent / f"probe-{uuid.uuid4().hex}"  # beside the queue: no worker reads it
        probe.touch()
        probe.unlink()


def check_disk() -> None:
    free = shutil.disk_usage(settings.DATA_DIR).free
    if free < FREE_BYTES:
        raise OSError(f"{free / 2**20:.0f} MiB free")


CHECKS: dict[str, Callable[[], None]] = {
    "database": check_database,
    "queue": check_queue,
    "disk": check_disk,
}


@require_safe
@never_cache
def healthz(request: HttpRequest) -> JsonResponse:
    parts: dict[str, str] = {}
    for name, check in CHECKS.items():
        try:
            check()
            parts[name] = "ok"
        except Exception:  # whatever is wrong with a part, the answer is that it does not work
            logger.exception("health: %s does not work", name)
            parts[name] = "failed"
    healthy = all(state == "ok" for state in parts.values())
    return JsonResponse(
        {"status": "ok" if healthy else "failed", "checks": parts}, status=200 if healthy else 503
    )
