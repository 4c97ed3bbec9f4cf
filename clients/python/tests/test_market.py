"""Market data and refreshes."""

from __future__ import annotations

from datetime import date

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from conftest import FaultOf, Recorder
from volwatch import Client, ConflictError, DatabaseError, NotFoundError, RefreshTimeoutError, ValidationError


def test_prices_are_a_frame_with_dates(client: Client) -> None:
    prices = client.prices("AAPL")
    assert prices.columns.to_list() == ["date", "open", "high", "low", "close", "volume"]
    assert len(prices) == 123
    assert prices["date"].iloc[0] == pd.Timestamp("2000-01-01")
    assert prices["date"].dtype.kind == "M"
    assert prices["close"].iloc[0] == 25.94
    assert prices["open"].isna().all()


def test_all_pages_are_read(recorder: Recorder) -> None:
    with Client(transport=recorder) as client:
        prices = client.prices("^GSPC")
    assert len(prices) == 5105
    assert prices["date"].is_monotonic_increasing
    assert prices["date"].is_unique
    assert recorder.paths.count("GET /api/v1/assets/^GSPC/prices") == 6


def test_a_range_as_polars_and_as_arrow(client: Client) -> None:
    polars = client.prices("^GSPC", start="2020-01-01", end=date(2020, 1, 31), frame="polars")
    assert isinstance(polars, pl.DataFrame)
    assert polars.schema["date"] == pl.Date
    assert polars["date"].min() == date(2020, 1, 2)
    arrow = client.prices("^GSPC", start="2020-01-01", end=date(2020, 1, 31), frame="arrow")
    assert isinstance(arrow, pa.Table)
    assert arrow.num_rows == polars.height == 21
    with pytest.raises(ValueError, match='frame must be "pandas"'):
        client.prices("AAPL", frame="dask")  # type: ignore[call-overload]


def test_index_values_assets_and_indexes(client: Client) -> None:
    values = client.index_values("TECH5_EW", start="2010-01-01")
    assert values.columns.to_list() == ["date", "value"]
    assert len(values) == 3
    assert set(client.assets()["symbol"]) >= {"AAPL", "^GSPC"}
    assert set(client.indexes(frame="polars")["code"]) >= {"SP500", "TECH5_EW"}


def test_an_unknown_symbol_and_a_wrong_date_are_typed_errors(client: Client) -> None:
    with pytest.raises(NotFoundError) as unknown:
        client.prices("NOBODY")
    assert unknown.value.code == "resource_not_found"
    with pytest.raises(ValidationError) as wrong:
        client.prices("AAPL", start="yesterday")
    assert wrong.value.errors[0].pointer == "query.from"


def test_a_refresh_is_waited_for_and_recorded(client: Client) -> None:
    refresh = client.refresh("tech5")
    assert refresh.status == "succeeded"
    assert refresh.universe == "tech5"
    assert client.refresh_record(refresh.id).document == refresh.document
    assert client.refreshes(limit=1)[0].id == refresh.id


def test_a_failed_refresh_raises_the_error_of_its_cause_and_is_not_repeated(fault: FaultOf, recorder: Recorder) -> None:
    with (
        fault("refresh.store_prices", mode="error", count=1),
        Client(transport=recorder) as client,
        pytest.raises(DatabaseError) as raised,
    ):
        client.refresh("tech5")
    assert raised.value.document["refresh"]["status"] == "rolled_back"
    assert recorder.paths.count("POST /api/v1/refreshes") == 1


def test_a_refresh_that_fails_after_its_answer_raises_the_error_of_its_cause(
    fault: FaultOf, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The service answers at once, so the client reads the record until the refresh ended.
    monkeypatch.setattr("volwatch._market._MAX_PREFER_WAIT_S", 0)
    with fault("refresh.store_prices", mode="error", count=1), pytest.raises(DatabaseError) as raised:
        client.refresh("tech5", timeout_s=60)
    assert raised.value.document["refresh"]["status"] == "rolled_back"
    assert raised.value.code == raised.value.document["refresh"]["reason"]
    assert client.refresh("tech5", timeout_s=60).status == "succeeded"


def test_a_refresh_that_takes_longer_is_waited_for_or_a_timeout(fault: FaultOf, client: Client) -> None:
    with fault("provider.fetch", mode="delay", delay_ms=6000, count=1):
        with pytest.raises(RefreshTimeoutError) as raised:
            client.refresh("tech5", timeout_s=0.5)
        with pytest.raises(ConflictError) as conflict:
            client.refresh("tech5")
        assert conflict.value.code == "refresh_in_progress"
    record = client.refresh_record(raised.value.refresh_id)
    while record.status == "running":
        record = client.refresh_record(raised.value.refresh_id)
    assert record.status == "succeeded"


def test_a_frame_of_prices_is_uploaded_and_read_again(client: Client) -> None:
    definition = {
        "title": "Uploaded by the client",
        "source": "upload",
        "interval": "1day",
        "assets": [{"symbol": "PYA"}, {"symbol": "PYB"}],
        "indexes": [
            {
                "code": "PY_EW",
                "name": "Uploaded",
                "method": "equal_weighted",
                "constituents": [{"symbol": "PYA"}, {"symbol": "PYB"}],
            }
        ],
    }
    if all(universe["name"] != "python" for universe in client.request("GET", "/universes")["data"]):
        client.request("PUT", "/universes/python", json=definition, headers={"If-None-Match": "*"})
    days = pd.to_datetime(["2024-01-02", "2024-01-03"] * 2)
    frame = pd.DataFrame(
        {"symbol": ["PYA", "PYA", "PYB", "PYB"], "date": days, "close": [100.0, 25.0, 10.0, 10.5], "volume": range(4)}
    )
    frame["split_factor"] = [None, 4.0, None, None]
    for given in (frame, pl.from_pandas(frame), pa.Table.from_pandas(frame)):
        refresh = client.upload_prices("python", given, mode="replace")
        assert refresh.status == "succeeded"
        assert refresh.document["rows_read"] == 4
        assert client.prices("PYA")["close"].to_list() == [25.0, 25.0]
    adjusted = frame.assign(close=[25.0, 25.0, 10.0, 10.5])
    with pytest.raises(ValidationError) as refused:
        client.upload_prices("python", adjusted)
    assert refused.value.code == "upload_refused"
    nameless = frame.assign(close=[25.0, 25.0, -1.0, 10.5])
    with pytest.raises(ValidationError) as wrong:
        client.upload_prices("python", nameless)
    assert [(error.line, error.column, error.pointer) for error in wrong.value.errors] == [(3, "close", "")]
    assert client.upload_prices("python", adjusted, adjusted=True).status == "succeeded"
    assert client.prices("PYA")["close"].to_list() == [25.0, 25.0]
    assert client.index_values("PY_EW")["value"].iloc[0] == 1000
    assert client.prices("PYA", start="2090-01-01").empty
