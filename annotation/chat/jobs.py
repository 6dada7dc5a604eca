"""What a worker does with a turn: claim it, ask every model at the same time, close it.

One thread a request; the candidates are stored together when the slowest is there or has failed.
A request that hangs beyond its deadline is left behind: the page is told, and nothing waits.
"""

import logging
import time
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass

from django.conf import settings

from annotation.chat.client import TIMED_OUT, Reply, RequestFailed, Target, ask
from annotation.chat.served import NotServed, ServedModel, provider
from annotation.models import Candidate, Turn
from annotation.services import chat_turns
from annotation.services.chat_turns import Outcome

logger = logging.getLogger(__name__)

BEAT_SECONDS = 5.0
GRACE_SECONDS = 2.0  # beyond a request's own deadline


@dataclass(frozen=True)
class Request:
    """All that a thread needs to ask for one candidate; it uses no database."""

    where: Target | ServedModel
    messages: list[dict[str, str]]
    max_tokens: int
    temperature: float
    seconds: float

    def send(self, is_wanted: Callable[[], bool]) -> Reply:
        if isinstance(self.where, Target):
            return self.ask(self.where)
        try:
            with self.where.lease(is_wanted) as target:
                return self.ask(target)
        except NotServed as error:
            raise RequestFailed(str(error), "not served") from error

    def ask(self, target: Target) -> Reply:
        return ask(
            target,
            self.messages,
            max_tokens=self.max_tokens,
            temperature=self.temperature,
            seconds=self.seconds,
        )


def carry_out(turn_id: int) -> None:
    """Have a waiting turn answered; return at once if somebody else does it."""
    turn = chat_turns.claim_turn(turn_id)
    if turn is None:
        return
    candidates = list(turn.candidates.filter(response=None).select_related("endpoint__project"))
    chat_turns.close_turn(turn, ask_all(turn, candidates))


def ask_all(turn: Turn, candidates: list[Candidate]) -> dict[int, Outcome]:
    """How each request ended, by candidate; all are under way at the same time."""
    began = time.monotonic()
    outcomes: dict[int, Outcome] = {}
    pool = ThreadPoolExecutor(max_workers=max(1, len(candidates)))
    under_way: dict[Future[Reply], Candidate] = {}
    seconds = settings.CHAT_SECONDS
    is_left_behind = False
    try:
        for candidate in candidates:
            try:
                request = request_for(turn, candidate)
            except NotServed as error:
                failure = RequestFailed(str(error), "not served")
                outcomes[candidate.pk] = Outcome(failure, 0.0)
                continue
            if not isinstance(request.where, Target):
                seconds = settings.CHAT_SECONDS + settings.CHAT_LOAD_SECONDS
            under_way[pool.submit(request.send, lambda: not is_left_behind)] = candidate
        deadline = began + seconds + GRACE_SECONDS
        while under_way and time.monotonic() < deadline and chat_turns.beat_turn(turn):
            patience = min(BEAT_SECONDS, max(0.0, deadline - time.monotonic()))
            done, _ = wait(under_way, timeout=patience, return_when=FIRST_COMPLETED)
            for future in done:
                candidate = under_way.pop(future)
                outcomes[candidate.pk] = Outcome(result_of(future), time.monotonic() - began)
    finally:
        is_left_behind = True
        pool.shutdown(wait=False, cancel_futures=True)
    for candidate in under_way.values():
        late = RequestFailed(TIMED_OUT, "given up")
        outcomes[candidate.pk] = Outcome(late, time.monotonic() - began)
    return outcomes


def result_of(future: "Future[Reply]") -> Reply | RequestFailed:
    error = future.exception()
    if error is None:
        return future.result()
    if isinstance(error, RequestFailed):
        return error
    # Whatever else went wrong with one request, the annotator hears that the answer did not come.
    logger.error("a request to a model ended in an error", exc_info=error)
    return RequestFailed("something went wrong here", type(error).__name__)


def request_for(turn: Turn, candidate: Candidate) -> Request:
    endpoint = candidate.endpoint
    where: Target | ServedModel
    if endpoint.served:
        where = provider().find(endpoint.project, endpoint.served)
    else:
        where = Target(endpoint.address, endpoint.model, endpoint.api_key)
    return Request(
        where=where,
        messages=turn.prompt.messages,
        max_tokens=endpoint.max_tokens,
        temperature=endpoint.temperature,
        seconds=settings.CHAT_SECONDS,
    )
