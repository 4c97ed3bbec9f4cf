"""What both clients make of their arguments and the environment."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import Any

from ._credentials import Credentials
from ._retries import Retries
from ._session import Session
from ._trace import TraceParent


@dataclass(frozen=True)
class ClientOptions:
    url: str | None
    client_id: str | None
    # Tracebacks can show the options, so the secrets are not part of their text.
    client_secret: str | None = field(repr=False)
    scopes: tuple[str, ...]
    api_key: str | None = field(repr=False)
    token: str | Callable[[], str] | None = field(repr=False)
    timeout_s: float
    retries: Retries | None
    traceparent: TraceParent | None


def session_of(options: ClientOptions) -> Session:
    return Session(_credentials_of(options), options.retries or Retries(), options.traceparent)


def _credentials_of(options: ClientOptions) -> Credentials:
    """The credential of the arguments, else that of the environment."""
    given = (options.client_id, options.client_secret, options.api_key, options.token)
    if any(value is not None for value in given):
        return Credentials(options.client_id, options.client_secret, options.scopes, options.api_key, options.token)
    client_id, secret = _variable("VOLWATCH_CLIENT_ID"), _variable("VOLWATCH_CLIENT_SECRET")
    return Credentials(client_id, secret, options.scopes, _variable("VOLWATCH_API_KEY"))


def http_settings(options: ClientOptions) -> dict[str, Any]:
    url = options.url or _variable("VOLWATCH_URL") or "http://127.0.0.1:3000"
    return {
        "base_url": url.rstrip("/"),
        "timeout": options.timeout_s,
        "headers": {"user-agent": f"volwatch-python/{version('volwatch')}"},
    }


def _variable(name: str) -> str | None:
    return os.environ.get(name) or None
