"""The logic of the client as generators without input and output, so that both clients share it.

A flow yields a `Call` or a `Wait` and receives the answer. `run` performs the steps of a flow, `run_async` does the
same with an asynchronous HTTP client.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

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
    step: Step
    try:
        step = next(flow)
        while True:
            answer: Answer = None
            try:
                if isinstance(step, Wait):
                    time.sleep(step.seconds)
                else:
                    answer = http.request(
                        step.method,
                        step.path,
                        headers=dict(step.headers),
                        params=dict(step.params),
                        content=step.content,
                    )
            except httpx.TransportError as error:
                answer = error
            except BaseException as error:
                step = flow.throw(error)
                continue
            step = flow.send(answer)
    except StopIteration as end:
        return end.value  # type: ignore[no-any-return]


async def run_async(flow: Flow[Result], http: httpx.AsyncClient) -> Result:
    """As `run`. A cancellation of the task is thrown into the flow."""
    step: Step
    done, result = False, None
    try:
        step = next(flow)
        while not done:
            answer: Answer = None
            try:
                if isinstance(step, Wait):
                    await asyncio.sleep(step.seconds)
                else:
                    answer = await http.request(
                        step.method,
                        step.path,
                        headers=dict(step.headers),
                        params=dict(step.params),
                        content=step.content,
                    )
            except httpx.TransportError as error:
                answer = error
            except BaseException as error:
                step = flow.throw(error)
                continue
            step = flow.send(answer)
    except StopIteration as end:
        done, result = True, end.value
    return result  # type: ignore[return-value]
