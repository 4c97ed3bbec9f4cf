"""Discrete dividends in frames, against the formula for the spot without their value."""

from __future__ import annotations

import math
from datetime import date
from typing import Any

import pandas as pd
import polars as pl
import pytest

from volwatch import Client

CHAIN: dict[str, Any] = {
    "spot": [100.0, 100.0, 100.0],
    "strike": [95.0, 100.0, 105.0],
    "time_to_expiry": [1.0, 1.0, 1.0],
    "volatility": [0.2, 0.2, 0.2],
    "option_type": ["call", "call", "call"],
}
RATE = 0.03
LISTS: list[list[dict[str, Any]] | None] = [
    [{"time": 0.25, "amount": 1.5}, {"time": 0.75, "amount": 1}],
    None,
    [{"time": 0.5, "amount": 2.0}],
]


def call(strike: float, dividends: list[dict[str, Any]] | None) -> float:
    """Black and Scholes with the spot less the value of the dividends, which is independent of the service."""
    spot = 100 - sum(item["amount"] * math.exp(-RATE * item["time"]) for item in dividends or ())
    d1 = (math.log(spot / strike) + RATE) / 0.2 + 0.1
    first, second = (0.5 * math.erfc(-x / math.sqrt(2)) for x in (d1, d1 - 0.2))
    price: float = spot * first - strike * math.exp(-RATE) * second
    return price


EXPECTED = [call(strike, dividends) for strike, dividends in zip(CHAIN["strike"], LISTS, strict=True)]


def test_a_column_of_lists_in_pandas_and_polars(client: Client) -> None:
    pandas = client.price(pd.DataFrame({**CHAIN, "dividends": LISTS}), rate=RATE)
    assert pandas["price"].to_list() == pytest.approx(EXPECTED, rel=1e-10)
    assert pandas["dividends"].iloc[0] == LISTS[0]
    polars = client.price(pl.DataFrame(CHAIN).with_columns(dividends=pl.Series(LISTS, strict=False)), rate=RATE)
    assert polars["price"].to_list() == pytest.approx(EXPECTED, rel=1e-10)


def test_one_list_for_all_rows_and_dates(client: Client) -> None:
    one = client.price(pd.DataFrame(CHAIN), rate=RATE, dividends=[{"time": 0.5, "amount": 2}])
    assert one["price"].iloc[2] == pytest.approx(EXPECTED[2], rel=1e-10)
    # 73 days are a fifth of a year of 365 days.
    paid: list[dict[str, float | str | date]] = [{"date": date(2026, 3, 15), "amount": 2}]
    dated = client.price(pd.DataFrame(CHAIN), rate=RATE, valuation_date="2026-01-01", dividends=paid)
    assert dated["price"].iloc[0] == pytest.approx(call(95, [{"time": 0.2, "amount": 2}]), rel=1e-10)


def test_a_wrong_dividend_names_its_item_and_member(client: Client) -> None:
    frame = pd.DataFrame({**CHAIN, "dividends": [LISTS[0], None, [{"time": 0.5, "amount": -2.0}]]})
    priced = client.price(frame, rate=RATE)
    assert priced["error_field"].to_list()[2] == "dividends"
    assert str(priced["error_detail"].iloc[2]).startswith("dividends[0]: amount must be at least 0")
    assert priced["error_code"].isna().to_list() == [True, True, False]


def test_positions_of_a_grid_have_dividends(client: Client) -> None:
    frame = pd.DataFrame({**CHAIN, "rate": RATE, "dividends": LISTS})
    mixed: Any = [[{"time": 0.5, "amount": 2.0}, {"date": "2026-03-15", "amount": 1}], None, None]
    ladder = client.grid(frame, spot_shifts=[0])
    values = ladder[ladder["position"].notna()].sort_values("position")["value"].to_list()
    assert values == pytest.approx(EXPECTED, rel=1e-10)
    dated = frame.assign(dividends=mixed, valuation_date=pd.Series(["2026-01-01", None, None]))
    assert client.grid(dated, spot_shifts=[0])["value"].notna().all()
