"""Errors of the client. Each problem document of the service becomes the class of its category."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import httpx

if TYPE_CHECKING:
    import pyarrow as pa


class VolwatchError(Exception):
    """Base of all errors of this package."""


class ConnectionFailedError(VolwatchError):
    """The service did not answer: no connection, a timeout, or a connection that ended early."""


class UnexpectedAnswerError(VolwatchError):
    """An answer that is neither a success nor a problem document, for example the error page of a proxy."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


class RowsFailedError(VolwatchError):
    """Rows could not be priced, and `on_error="raise"` was given. `failures` has one row for each failed row."""

    def __init__(self, message: str, failures: pa.Table) -> None:
        super().__init__(message)
        self.failures = failures
        """Columns `row`, `error_code`, `error_field` and `error_detail`."""


class RefreshTimeoutError(VolwatchError):
    """A refresh was still running after `timeout_s`. It continues in the service."""

    def __init__(self, refresh_id: str, timeout_s: float) -> None:
        super().__init__(f"the refresh {refresh_id} still runs after {timeout_s:g} s; read it with refresh_record()")
        self.refresh_id = refresh_id


@dataclass(frozen=True)
class FieldError:
    """One error of a request. `pointer` is a JSON Pointer, or for example `query.limit`.

    For a refused row of an upload `pointer` is empty, and `line` and perhaps `column` say where it is.
    """

    pointer: str
    code: str
    detail: str
    line: int | None = None
    column: str | None = None


class ProblemError(VolwatchError):
    """A problem document (RFC 9457). `code` is stable, `detail` says what is wrong and what to do."""

    def __init__(self, document: Mapping[str, Any], status: int, retry_after_s: float | None) -> None:
        self.status = status
        self.code = str(document["code"])
        self.category = str(document.get("category", ""))
        self.title = str(document.get("title", ""))
        self.detail = str(document.get("detail", ""))
        self.request_id = str(document.get("request_id", ""))
        self.trace_id = str(document.get("trace_id", ""))
        self.retry_after_s = retry_after_s
        self.errors = tuple(
            FieldError(
                str(e.get("pointer", "")),
                str(e.get("code", "")),
                str(e.get("detail", "")),
                e.get("line"),
                e.get("column"),
            )
            for e in document.get("errors", ())
        )
        self.document = dict(document)
        """The whole document, also members that this version of the client does not know."""
        super().__init__(
            f"{self.detail or self.title} ({status} {self.code}, request {self.request_id}, trace {self.trace_id})"
        )

    def __reduce__(self) -> tuple[type[ProblemError], tuple[Mapping[str, Any], int, float | None]]:
        return (type(self), (self.document, self.status, self.retry_after_s))


class ValidationError(ProblemError):
    """The request is wrong; `errors` names each field."""


class AuthenticationError(ProblemError):
    """Credentials are missing, wrong or expired."""


class AuthorizationError(ProblemError):
    """The credential lacks the scope."""


class NotFoundError(ProblemError):
    """There is no such resource."""


class ConflictError(ProblemError):
    """The request conflicts with the state of the resource, for example a refresh that runs already."""


class RateLimitError(ProblemError):
    """Over a limit. `retry_after_s` says when the next request is accepted."""


class PricingError(ProblemError):
    """The option cannot be priced, or not by this model."""


class DatabaseError(ProblemError):
    """The database of the service failed; the request may succeed later."""


class ExternalApiError(ProblemError):
    """An external source of the service failed. For a refresh, `document["refresh"]` is its record."""


class OverloadError(ProblemError):
    """The service is overloaded or is shutting down; the request may succeed later."""


class InternalError(ProblemError):
    """An error of the service itself. Report it with `trace_id`."""


_BY_CATEGORY: Mapping[str, type[ProblemError]] = {
    "validation": ValidationError,
    "authentication": AuthenticationError,
    "authorization": AuthorizationError,
    "not_found": NotFoundError,
    "conflict": ConflictError,
    "rate_limit": RateLimitError,
    "pricing": PricingError,
    "database": DatabaseError,
    "external_api": ExternalApiError,
    "overload": OverloadError,
    "internal": InternalError,
}


def error_of_refresh(record: Mapping[str, Any]) -> ProblemError | None:
    """The typed error of the record of a refresh that failed after its answer. `status` is 200, that of the record."""
    error = record.get("error")
    if not isinstance(error, Mapping) or "code" not in error:
        return None
    document = {**error, "trace_id": record.get("trace_id") or "", "refresh": dict(record)}
    kind = _BY_CATEGORY.get(str(error.get("category")), ProblemError)
    return kind(document, 200, None)


def retry_after_of(response: httpx.Response) -> float | None:
    """Seconds of the header `Retry-After`. The service sends seconds, a proxy may send a date, which is ignored."""
    text = response.headers.get("retry-after", "")
    return float(text) if text.isascii() and text.isdigit() else None


def error_of(response: httpx.Response) -> ProblemError | UnexpectedAnswerError:
    """The typed error of a response that is not a success."""
    try:
        document = response.json()
    except ValueError:
        document = None
    if not isinstance(document, dict) or "code" not in document:
        where = f"{response.request.method} {response.request.url.path}"
        return UnexpectedAnswerError(f"{where} was answered with status {response.status_code}", response.status_code)
    kind = _BY_CATEGORY.get(str(document.get("category")), ProblemError)
    return kind(document, response.status_code, retry_after_of(response))
