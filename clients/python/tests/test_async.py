"""The asynchronous client: the same methods, and cancellation."""

from __future__ import annotations

import asyncio
import inspect

import httpx
import numpy as np
import pandas as pd
import pytest

from volwatch import AsyncClient, Client, NotFoundError

FRAME = pd.DataFrame(
    {
        "spot": 100.0,
        "strike": np.linspace(80, 120, 120_000),
        "time_to_expiry": 0.5,
        "rate": 0.03,
        "volatility": 0.2,
        "option_type": "put",
    }
)


def test_both_clients_have_the_same_methods() -> None:
    names = [name for name in vars(Client) if not name.startswith("_") and name != "close"]
    assert len(names) > 8
    for name in names:
        here, there = getattr(Client, name), getattr(AsyncClient, name)
        assert inspect.signature(here) == inspect.signature(there), name
        assert inspect.iscoroutinefunction(there), name


def test_many_calls_at_once_give_the_same_results(client: Client) -> None:
    async def main() -> tuple[list[pd.DataFrame], pd.DataFrame, pd.DataFrame]:
        async with AsyncClient() as service:
            small = [service.price(FRAME.iloc[n * 100 : (n + 1) * 100]) for n in range(10)]
            return await asyncio.gather(*small), await service.price(FRAME), await service.prices("AAPL")

    small, large, prices = asyncio.run(main())
    pd.testing.assert_frame_equal(pd.concat(small), client.price(FRAME.iloc[:1000]))
    assert large["price"].notna().all()
    assert len(prices) == 123


def test_errors_are_the_same() -> None:
    async def main() -> None:
        async with AsyncClient() as service:
            await service.prices("NOBODY")

    with pytest.raises(NotFoundError):
        asyncio.run(main())


def test_a_cancelled_task_removes_its_job() -> None:
    paths: list[str] = []
    tasks: list[asyncio.Task[pd.DataFrame]] = []

    class Recorder(httpx.AsyncHTTPTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            paths.append(f"{request.method} {request.url.path}")
            if request.url.path.endswith("/submit"):
                tasks[0].cancel()
            return await super().handle_async_request(request)

    async def main() -> None:
        async with AsyncClient(transport=Recorder()) as service:
            tasks.append(asyncio.create_task(service.price(FRAME)))
            await tasks[0]

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(main())
    assert paths[-1].startswith("DELETE /api/v1/pricing/jobs/")
