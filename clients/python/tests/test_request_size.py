"""Frames that one request cannot hold: by their dividends, or by their bytes."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from conftest import Recorder
from volwatch import AsyncClient, Client
from volwatch._frames import stream_of
from volwatch._pieces import MAX_DIVIDENDS, dividends_of, pieces_of

OPTION: dict[str, Any] = {"spot": 100, "time_to_expiry": 2, "rate": 0.03, "volatility": 0.2, "option_type": "call"}
QUARTERLY = [{"time": 0.25 * quarter, "amount": 0.1} for quarter in range(1, 13)]


def lists_of(rows: int, each: int) -> pa.Array[Any]:
    """`each` dividends in each row."""
    offsets = pa.array(np.arange(rows + 1) * each, pa.int32())
    times = pa.array(np.resize(np.linspace(0.1, 1.9, each), rows * each))
    amounts = pa.array(np.resize(np.linspace(0.01, 0.02, each), rows * each))
    return pa.ListArray.from_arrays(offsets, pa.StructArray.from_arrays([times, amounts], ["time", "amount"]))


def table_of(rows: int, each: int) -> pa.Table:
    return pa.table({"strike": pa.array(80.0 + np.arange(rows) % 40), "dividends": lists_of(rows, each)})


def assert_priced_as_parts(client: Client, frame: pa.Table, priced: pa.Table) -> None:
    assert priced.num_rows == frame.num_rows
    assert priced["error_code"].null_count == frame.num_rows
    for start in (0, frame.num_rows // 2 - 5, frame.num_rows - 10):
        part = client.price(frame.slice(start, 10), **OPTION)
        assert priced["price"].slice(start, 10).to_pylist() == part["price"].to_pylist()


def test_a_frame_with_too_many_dividends_for_one_request_is_a_job(recorder: Recorder) -> None:
    frame = table_of(30_000, 40)
    with Client(transport=recorder) as client:
        assert_priced_as_parts(client, frame, client.price(frame, **OPTION))
    assert len([path for path in recorder.paths if path.startswith("PUT")]) == 2


def test_without_a_credential_it_is_several_requests(anonymous: Client) -> None:
    frame = table_of(30_000, 40)
    assert_priced_as_parts(anonymous, frame, anonymous.price(frame, **OPTION))


def test_one_list_of_dividends_for_many_rows(anonymous: Client) -> None:
    frame = pl.DataFrame({"strike": [80.0 + n % 40 for n in range(100_000)]})
    priced = anonymous.price(frame, dividends=QUARTERLY, **OPTION)
    assert priced["price"].null_count() == 0
    tail = anonymous.price(frame.tail(10), dividends=QUARTERLY, **OPTION)
    assert priced["price"].tail(10).to_list() == tail["price"].to_list()


def test_chunks_of_a_job_are_bounded_where_the_last_rows_have_most_dividends(recorder: Recorder) -> None:
    heavy = pa.concat_tables([table_of(100_001, 0), table_of(3_000, 400)])
    with Client(transport=recorder) as client:
        assert_priced_as_parts(client, heavy, client.price(heavy, **OPTION))
    chunks = [request for request in recorder.requests if request.method == "PUT"]
    assert max(len(request.content) for request in chunks) < 16 * 1024 * 1024
    assert all(answer.status_code < 300 for answer in recorder.answers)


def test_the_asynchronous_client_splits_in_the_same_way() -> None:
    paths: list[str] = []

    class AsyncRecorder(httpx.AsyncHTTPTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            paths.append(f"{request.method} {request.url.path}")
            return await super().handle_async_request(request)

    async def main(frame: pa.Table) -> pa.Table:
        async with AsyncClient(transport=AsyncRecorder()) as service:
            return await service.price(frame, **OPTION)

    priced = asyncio.run(main(table_of(30_000, 40)))
    assert priced["price"].null_count == 0
    assert len([path for path in paths if path.startswith("PUT")]) == 2


def test_a_frame_of_exactly_the_limit_is_one_request(recorder: Recorder) -> None:
    with Client(transport=recorder) as client:
        client.price(table_of(10_000, 100), **OPTION)
    assert [path for path in recorder.paths if "pricing" in path] == ["POST /api/v1/pricing/batch"]


def test_a_row_above_the_limit_of_a_row_fails_alone(anonymous: Client) -> None:
    frame = pa.concat_tables([table_of(2, 1), table_of(1, 1_001)])
    priced = anonymous.price(frame, **OPTION)
    assert priced["error_field"].to_pylist() == [None, None, "dividends"]


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_dividends_behind_null_cells_count_if_they_are_sent(library: str, anonymous: Client) -> None:
    each = [{"time": 0.5, "amount": 1.0}] * 4
    if library == "pandas":
        frame: Any = pd.DataFrame({"dividends": [each, None] * 500})
        table = pa.Table.from_pandas(frame, preserve_index=False)
    else:
        lists = pl.Series([each] * 1000)
        frame = pl.DataFrame({"n": range(1000)}).select(dividends=pl.when(pl.col("n") % 2 == 0).then(lists))
        table = frame.to_arrow()
    written: Any = pa.ipc.open_stream(stream_of(table, {})).read_all()["dividends"].chunk(0)
    in_stream = written.offsets[-1].as_py() - written.offsets[0].as_py()
    assert dividends_of(table) == in_stream
    assert dividends_of(table.slice(10, 3)) <= in_stream
    codes = anonymous.price(frame, strike=100, **OPTION)["error_code"]
    assert all(code is None or code != code for code in codes.to_list())


def test_pieces_cover_all_rows_in_order_and_keep_each_limit() -> None:
    many = table_of(20_000, 130)
    for max_rows, max_bytes in ((7_000, 1 << 30), (100_000, 1 << 20), (100_000, 1)):
        pieces = pieces_of(many.slice(0, 500) if max_bytes == 1 else many, max_rows=max_rows, max_bytes=max_bytes)
        end = 0
        for start, count in pieces:
            assert start == end
            end += count
            assert 0 < count <= max_rows
            assert dividends_of(many.slice(start, count)) <= MAX_DIVIDENDS
        assert end == (500 if max_bytes == 1 else 20_000)
    texts = pa.table({"contract": pa.array([f"{n:0100d}" for n in range(20_000)]).dictionary_encode()})
    assert len(pieces_of(texts, max_rows=100_000, max_bytes=1 << 20)) == 1, "each request has the dictionary"
