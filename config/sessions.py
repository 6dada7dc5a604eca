"""Sessions and who they belong to, by queries that are compiled once: every request asks for both.

Sessions lie where Django keeps them. Nothing is kept in a process, so whoever is signed out, in
another process or by an administrator, is so at once.
"""

from datetime import datetime
from typing import Any

from allauth.account.auth_backends import AuthenticationBackend
from django.contrib.auth.models import User
from django.contrib.sessions.backends.db import SessionStore as DatabaseStore
from django.contrib.sessions.models import Session
from django.utils import timezone

from annotation.compiled import Compiled

IN_FORCE = Compiled(
    lambda key, now: Session.objects.filter(session_key=key, expire_date__gt=now),
    key=str,
    now=datetime,
)
PERSON = Compiled(lambda user: User.objects.filter(pk=user), user=int)


class SessionStore(DatabaseStore):
    def _get_session_from_db(self) -> Session | None:
        found = IN_FORCE.first(key=str(self.session_key), now=timezone.now())
        if found is None:
            self._session_key = None  # as Django does: a new one will be made
        return found


class Backend(AuthenticationBackend):  # type: ignore[misc]
    def get_user(self, user_id: Any) -> User | None:
        user = PERSON.first(user=int(user_id))
        return user if user is not None and self.user_can_authenticate(user) else None
