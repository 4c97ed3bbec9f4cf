"""The tests call a running service: `npm run clients:python` starts one and sets these variables."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Protocol

import httpx
import pytest

from volwatch import Client

_NEEDED = ("VOLWATCH_URL", "VOLWATCH_ADMIN_URL", "VOLWATCH_CLIENT_ID", "VOLWATCH_CLIENT_SECRET")


class FaultOf(Protocol):
    def __call__(self, point: str, **fault: Any) -> AbstractContextManager[None]: ...


def pytest_configure() -> None:
    missing = [name for name in _NEEDED if not os.environ.get(name)]
    if missing:
        raise pytest.UsageError(f"{', '.join(missing)} are not set: run npm run clients:python")


@pytest.fixture(scope="session")
def url() -> str:
    return os.environ["VOLWATCH_URL"]


@pytest.fixture(scope="session")
def client() -> Iterator[Client]:
    """With the client credentials of the environment."""
    with Client() as client:
        yield client


@pytest.fixture
def anonymous(url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Client]:
    """Without a credential."""
    monkeypatch.delenv("VOLWATCH_CLIENT_ID")
    monkeypatch.delenv("VOLWATCH_CLIENT_SECRET")
    with Client(url) as client:
        yield client


@pytest.fixture(scope="session")
def fault() -> FaultOf:
    """Makes a fault point of the service fail, as `fault("pricing.engine", mode="error", count=2)`."""
    admin = os.environ["VOLWATCH_ADMIN_URL"]

    @contextmanager
    def inject(point: str, **settings: Any) -> Iterator[None]:
        httpx.put(f"{admin}/faults/{point}", json=settings).raise_for_status()
        try:
            yield
        finally:
            httpx.delete(f"{admin}/faults/{point}").raise_for_status()

    return inject


class Recorder(httpx.BaseTransport):
    """Sends requests to the real service and records them."""

    def __init__(self) -> None:
        self.requests: list[httpx.Request] = []
        self.answers: list[httpx.Response] = []
        self._inner = httpx.HTTPTransport()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        answer = self._inner.handle_request(request)
        self.answers.append(answer)
        return answer

    def close(self) -> None:
        self._inner.close()

    @property
    def paths(self) -> list[str]:
        return [f"{request.method} {request.url.path}" for request in self.requests]


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()
