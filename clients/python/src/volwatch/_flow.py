"""The logic of the client as generators without input and output, so that both clients share it.

A flow yields a `Call` or a `Wait` and receives the answer. `run` performs the steps of a flow, `run_async` does the
same with an asynchronous HTTP client.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Generator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar

import httpx

Result = TypeVar("Result")


@dataclass(frozen=True)
class Call:
    """One HTTP request. `path` is relative to the base URL."""

    method: str
    path: str
    # Secrets and bodies are not part of `repr`, which tracebacks can show.
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    params: Mapping[str, str] = field(default_factory=dict)
    content: bytes | None = field(default=None, repr=False)
    repeatable: bool = False
    """A second request has the same effect as one, so that it can be repeated when the answer is lost."""


@dataclass(frozen=True)
class Wait:
    seconds: float


Step = Call | Wait
Answer = httpx.Response | httpx.TransportError | None
Flow = Generator[Step, Answer, Result]


def run(flow: Flow[Result], http: httpx.Client) -> Result:
    """Performs a flow. An interruption (Ctrl-C) is thrown into the flow, which can then end its job."""

    async def perform(step: Step) -> Answer:
        if isinstance(step, Wait):
            time.sleep(step.seconds)
            return None
        return http.request(**_request_of(step))

    # This coroutine awaits nothing that waits, so that it ends in its first step, without an event loop.
    try:
        _drive(flow, perform).send(None)
    except StopIteration as end:
        return end.value  # type: ignore[no-any-return]
    raise AssertionError("a synchronous flow was suspended")


async def run_async(flow: Flow[Result], http: httpx.AsyncClient) -> Result:
    """As `run`. A cancellation of the task is thrown into the flow."""

    async def perform(step: Step) -> Answer:
        if isinstance(step, Wait):
            await asyncio.sleep(step.seconds)
            return None
        return await http.request(**_request_of(step))

    return await _drive(flow, perform)


def _request_of(call: Call) -> dict[str, Any]:
    return {
        "method": call.method,
        "url": call.path,
        "headers": dict(call.headers),
        "params": dict(call.params),
        "content": call.content,
    }


async def _drive(flow: Flow[Result], perform: Callable[[Step], Awaitable[Answer]]) -> Result:
    """Performs each step of a flow. It gets the answer, also a failed connection; other errors are thrown into it."""
    advance: Callable[[], Step] = partial(next, flow)
    while True:
        try:
            step = advance()
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]
        try:
            advance = partial(flow.send, await perform(step))
        except httpx.TransportError as error:
            advance = partial(flow.send, error)
        except BaseException as error:
            advance = partial(flow.throw, error)
