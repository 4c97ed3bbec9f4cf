"""Requests with credential, trace context and retries, as flows."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any
from uuid import uuid4

import httpx

from ._credentials import Credentials
from ._errors import AuthenticationError, ConnectionFailedError, VolwatchError, error_of
from ._flow import Call, Flow, Wait
from ._retries import Retries
from ._trace import TraceParent, trace_headers

PREFIX = "/api/v1"
ARROW = "application/vnd.apache.arrow.stream"


@dataclass
class Session:
    credentials: Credentials
    retries: Retries
    traceparent: TraceParent | None

    def send(self, call: Call) -> Flow[httpx.Response]:
        """Sends a request with the credential, and repeats it where that can help."""
        renewed = False
        while True:
            headers = self.credentials.headers()
            if headers is None:
                answer = yield from self._attempts(self.credentials.token_call())
                headers = self.credentials.store(answer.json())
            try:
                return (yield from self._attempts(replace(call, headers={**call.headers, **headers})))
            except AuthenticationError:
                # A token can end before its time, for example when the keys of the service change.
                if renewed or not self.credentials.renew(headers.get("authorization")):
                    raise
                renewed = True

    def _attempts(self, call: Call) -> Flow[httpx.Response]:
        traced = replace(call, headers={**trace_headers(self.traceparent), **call.headers})
        failures, waited_s = 0, 0.0
        while True:
            answer = yield traced
            error: VolwatchError
            if isinstance(answer, httpx.Response):
                if answer.is_success:
                    return answer
                error = error_of(answer)
            else:
                error = ConnectionFailedError(f"{call.method} {call.path}: {answer}")
                error.__cause__ = answer
            failures += 1
            wait_s = self.retries.wait_s(error, repeatable=call.repeatable, failures=failures, waited_s=waited_s)
            if wait_s is None:
                raise error
            waited_s += wait_s
            yield Wait(wait_s)

    def json(
        self,
        method: str,
        path: str,
        *,
        body: Any = None,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        repeatable: bool | None = None,
    ) -> Flow[Any]:
        """A request whose body and answer are JSON. `path` is relative to `/api/v1`. None for an empty answer."""
        sent = {"accept": "application/json", **(headers or {})}
        if body is not None:
            sent["content-type"] = "application/json"
        call = Call(
            method,
            PREFIX + path,
            headers=sent,
            params=params or {},
            content=None if body is None else json.dumps(body, allow_nan=False).encode(),
            repeatable=method in ("GET", "PUT", "DELETE") if repeatable is None else repeatable,
        )
        answer = yield from self.send(call)
        return answer.json() if answer.content else None

    def create(self, path: str, body: Any, headers: Mapping[str, str] | None = None) -> Flow[Any]:
        """A POST with an idempotency key of its own, so that a repetition does not do it twice."""
        keyed = {"idempotency-key": str(uuid4()), **(headers or {})}
        return (yield from self.json("POST", path, body=body, headers=keyed, repeatable=True))
