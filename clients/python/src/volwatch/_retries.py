"""Which failed requests are repeated, and when."""

from __future__ import annotations

import random
from dataclasses import dataclass

from ._errors import ConnectionFailedError, ProblemError, UnexpectedAnswerError, VolwatchError

_RETRIED_STATUSES = frozenset({408, 429, 502, 503, 504})
# These need the caller or an operator, not time.
_NEVER = frozenset({"quota_exceeded", "database_schema_outdated"})
# The service refused these before it did anything, so that a repetition is safe for every request.
_REFUSED_UNSEEN = frozenset({"rate_limit_exceeded", "concurrency_limit_exceeded", "overloaded"})


@dataclass(frozen=True)
class Retries:
    """Repetitions of one request. `max_attempts=1` turns them off."""

    max_attempts: int = 6
    max_wait_s: float = 60.0
    """Max time before one attempt. A longer `Retry-After` raises the error at once."""
    max_total_wait_s: float = 120.0
    first_wait_s: float = 0.2
    """Wait after the first failure without `Retry-After`; each further wait is up to twice as long."""

    def wait_s(self, error: VolwatchError, *, repeatable: bool, failures: int, waited_s: float) -> float | None:
        """Seconds until the next attempt, or None when the error is final. `failures` counts this one."""
        if failures >= self.max_attempts or not _can_repeat(error, repeatable):
            return None
        given = error.retry_after_s if isinstance(error, ProblemError) else None
        longest = self.first_wait_s * 2 ** (failures - 1)
        # A random share keeps clients that failed together from returning together.
        wait = longest * random.uniform(0.5, 1) if given is None else given + random.uniform(0, 0.1)  # noqa: S311
        allowed = given is None or given <= self.max_wait_s
        if not allowed or waited_s + wait > self.max_total_wait_s:
            return None
        return min(wait, self.max_wait_s + 0.1)


def _can_repeat(error: VolwatchError, repeatable: bool) -> bool:
    if isinstance(error, ConnectionFailedError):
        return repeatable
    if isinstance(error, UnexpectedAnswerError):
        return repeatable and error.status in _RETRIED_STATUSES
    # A problem with the record of a refresh is the result of this refresh, not a lost request.
    if not isinstance(error, ProblemError) or error.code in _NEVER or "refresh" in error.document:
        return False
    if error.code in _REFUSED_UNSEEN:
        return True
    return repeatable and (error.status in _RETRIED_STATUSES or error.code == "idempotency_in_progress")
