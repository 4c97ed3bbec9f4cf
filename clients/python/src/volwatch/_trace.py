"""The trace context of the caller, which is sent so that spans of the service belong to the caller's trace."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress

TraceParent = Callable[[], str | None]


def current_headers() -> dict[str, str]:
    """Headers of the current OpenTelemetry context; none if OpenTelemetry is not installed or has no current span."""
    headers: dict[str, str] = {}
    with suppress(ImportError):
        from opentelemetry.propagate import inject

        inject(headers)
    return {name: value for name, value in headers.items() if name in ("traceparent", "tracestate")}


def trace_headers(traceparent: TraceParent | None) -> dict[str, str]:
    """The header `traceparent` of the given function, else of OpenTelemetry, else of the variable TRACEPARENT."""
    if traceparent is not None:
        value = traceparent()
        return {"traceparent": value} if value else {}
    headers = current_headers()
    from_environment = os.environ.get("TRACEPARENT")
    if "traceparent" not in headers and from_environment:
        return {"traceparent": from_environment}
    return headers
