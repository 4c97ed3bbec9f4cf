"""Frames of pandas, polars and pyarrow go in and come out."""

from __future__ import annotations

import datetime as dt
import math
from datetime import date, datetime
from decimal import Decimal
from typing import Any, assert_type

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from volwatch import Client, RowsFailedError, UnitWarning, ValidationError

ROWS: dict[str, list[float]] = {
    "spot": [100.0, 101.0, 102.0],
    "strike": [100.0, 105.0, 95.0],
    "time_to_expiry": [0.5, 0.25, 1.0],
    "rate": [0.03, 0.03, 0.03],
    "volatility": [0.2, 0.25, 0.3],
}
SIDES = ["call", "put", "call"]


def black_scholes(spot: float, strike: float, years: float, rate: float, vol: float, side: str) -> float:
    """The price by the textbook formula, which is independent of the service."""
    deviation = vol * math.sqrt(years)
    d1 = (math.log(spot / strike) + rate * years) / deviation + deviation / 2
    cdf = [0.5 * math.erfc(-x / math.sqrt(2)) for x in (d1, d1 - deviation)]
    call = spot * cdf[0] - strike * math.exp(-rate * years) * cdf[1]
    return call if side == "call" else call - spot + strike * math.exp(-rate * years)


EXPECTED = [
    black_scholes(spot, strike, years, rate, vol, side)
    for spot, strike, years, rate, vol, side in zip(
        ROWS["spot"],
        ROWS["strike"],
        ROWS["time_to_expiry"],
        ROWS["rate"],
        ROWS["volatility"],
        SIDES,
        strict=True,
    )
]


def pandas_frame() -> pd.DataFrame:
    return pd.DataFrame({**ROWS, "option_type": SIDES})


def test_a_pandas_frame_comes_back_with_prices_and_its_index(client: Client) -> None:
    frame = pandas_frame().set_index(pd.Index(["a", "b", "c"], name="contract"))
    priced = client.price(frame)
    assert priced["price"].to_list() == pytest.approx(EXPECTED, rel=1e-12)
    assert priced["price"].dtype == np.float64
    assert priced["error_code"].isna().all()
    pd.testing.assert_frame_equal(priced[frame.columns.to_list()], frame)
    assert "price" not in frame.columns, "the frame of the caller is not changed"


def test_a_filtered_pandas_frame_keeps_its_row_labels(client: Client) -> None:
    frame = pandas_frame().query("strike > 95")
    frame.index = pd.Index([7, 3])
    priced = client.price(frame)
    assert priced["price"].loc[[7, 3]].to_list() == pytest.approx(EXPECTED[:2], rel=1e-12)


def test_a_category_a_float32_and_a_decimal_column_are_priced(client: Client) -> None:
    frame = pandas_frame().astype({"option_type": "category", "rate": "float32"})
    frame["strike"] = pd.Series([Decimal(str(strike)) for strike in ROWS["strike"]])
    assert client.price(frame)["price"].to_list() == pytest.approx(EXPECTED, rel=1e-6)


def test_a_polars_frame_comes_back_with_prices(client: Client) -> None:
    frame = pl.DataFrame({**ROWS, "option_type": SIDES})
    for typed in (frame, frame.with_columns(pl.col("option_type").cast(pl.Categorical))):
        priced = client.price(typed)
        assert priced["price"].to_list() == pytest.approx(EXPECTED, rel=1e-12)
        assert priced.columns == [*typed.columns, "price", "error_code", "error_field", "error_detail"]
        assert priced.select(typed.columns).equals(typed)


def test_the_kind_of_frame_is_known_to_type_checkers(client: Client) -> None:
    assert_type(client.price(pandas_frame()), pd.DataFrame)
    assert_type(client.greeks(pl.DataFrame({**ROWS, "option_type": SIDES})), pl.DataFrame)
    assert_type(client.index_values("SP500", start="2020-04-01", frame="polars"), pl.DataFrame)


def test_expiry_dates_and_contracts_are_priced_as_their_years(client: Client) -> None:
    market: dict[str, Any] = {"spot": 187, "rate": 0.05, "volatility": 0.24, "valuation_date": date(2024, 5, 1)}
    expected = black_scholes(187, 190, 51 / 365, 0.05, 0.24, "call")
    contracts = pd.DataFrame({"contract": ["AAPL  240621C00190000"]})
    assert client.price(contracts, **market)["price"].to_list() == pytest.approx([expected], rel=1e-12)
    expiries = pd.DataFrame({"expiry": pd.to_datetime(["2024-06-21"]), "strike": [190.0]})
    priced = client.price(expiries, option_type="call", **market)
    assert priced["price"].to_list() == pytest.approx([expected], rel=1e-12)
    dates = pl.DataFrame({"expiry": [date(2024, 6, 21)], "strike": [190.0]})
    assert client.price(dates, option_type="call", **market)["price"].to_list() == pytest.approx([expected], rel=1e-12)
    with pytest.raises(TypeError, match="valuation_date must have a time zone"):
        client.price(contracts, **{**market, "valuation_date": datetime(2024, 5, 1)})


def test_market_units_are_per_percent_and_per_day(client: Client) -> None:
    plain = client.greeks(pandas_frame())
    market = client.greeks(pandas_frame(), units="market")
    for name, factor in (("vega", 0.01), ("rho", 0.01), ("theta", 1 / 365), ("delta", 1)):
        assert market[name].to_list() == pytest.approx((plain[name] * factor).to_list(), rel=1e-12)


def test_a_grid_has_the_positions_at_each_node_and_their_totals(client: Client) -> None:
    frame = pandas_frame().assign(quantity=[10.0, *[-2.0] * (len(pandas_frame()) - 1)])
    count = len(frame)
    answer = client.grid(frame, spot_shifts=[-0.05, 0, 0.05], days=[0, 7], outputs=["delta"])
    assert len(answer) == (count + 1) * 6
    totals = answer[answer["position"].isna()]
    nodes = answer[answer["position"].notna()]
    at_rest = nodes.query("spot_shift == 0 and days == 0")
    assert at_rest["value"].to_list() == pytest.approx((np.array(EXPECTED) * frame["quantity"]).to_list(), rel=1e-12)
    sums = nodes.groupby(["spot_shift", "days"])["value"].sum().to_list()
    assert sums == pytest.approx(totals["value"].to_list(), rel=1e-9)
    polars = client.grid(pl.DataFrame({**ROWS, "option_type": SIDES}), volatility_shifts=[0.01], units="market")
    assert polars["vega"].null_count() == 0


def test_midnight_without_a_zone_is_a_date_in_a_grid_as_in_price(client: Client) -> None:
    dates = {"expiry": pd.to_datetime(["2026-03-01"]), "valuation_date": pd.to_datetime(["2026-02-01"])}
    option = {"spot": 100.0, "strike": 100.0, "rate": 0.03, "volatility": 0.2, "option_type": "call"}
    frame = pd.DataFrame({**dates, **option, "day_count": "30/360"})
    answer = client.grid(frame, days=[0])
    assert answer["value"].iloc[0] == pytest.approx(client.price(frame)["price"].iloc[0], rel=1e-12)
    # Midnight with a zone and other times are instants.
    timed = frame.assign(day_count="ACT/365F", expiry=pd.to_datetime(["2026-03-01T12:00:00"]))
    zoned = timed.assign(expiry=timed["expiry"].dt.tz_localize("UTC"))
    for each in (timed, zoned, timed.assign(expiry=pd.to_datetime(["2026-03-01T00:00:00-05:00"]))):
        value = client.grid(each, days=[0])["value"].iloc[0]
        assert value == pytest.approx(client.price(each)["price"].iloc[0], rel=1e-12)


def test_a_lazy_frame_is_refused_with_the_remedy(client: Client) -> None:
    with pytest.raises(TypeError, match=r"call collect\(\) first"):
        client.price(pl.DataFrame(ROWS).lazy())  # type: ignore[type-var]


def test_a_pyarrow_table_of_several_chunks_comes_back_with_prices(client: Client) -> None:
    table = pa.table({**ROWS, "option_type": pa.array(SIDES).dictionary_encode()})
    priced = client.price(pa.concat_tables([table, table.slice(1)]))
    assert priced.column("price").to_pylist() == pytest.approx([*EXPECTED, *EXPECTED[1:]], rel=1e-12)


def test_arguments_hold_for_all_rows(client: Client) -> None:
    priced = client.price(
        pd.DataFrame({"strike": [95.0, 100.0]}),
        spot=100,
        time_to_expiry=1,
        rate=0.03,
        volatility=0.2,
        option_type="put",
        model="black_scholes",
    )
    assert priced["price"].to_list() == pytest.approx([black_scholes(100, k, 1, 0.03, 0.2, "put") for k in (95, 100)])
    with pytest.raises(ValueError, match="strike is a column of the frame and an argument"):
        client.price(pandas_frame(), strike=100)
    with pytest.raises(TypeError, match="rate must be a number, a text or a list of dividends, not bool"):
        client.price(pandas_frame().drop(columns="rate"), rate=True)
    with pytest.raises(TypeError, match="rate must be a number, a text or a list of dividends, not list"):
        client.price(pandas_frame().drop(columns="rate"), rate=[0.01, 0.02])
    with pytest.raises(TypeError, match="date of dividends must have a time zone"):
        client.price(pandas_frame(), dividends=[{"date": datetime(2026, 3, 15, 18), "amount": 1.0}])


def test_greeks_follow_an_earlier_price(client: Client) -> None:
    priced = client.greeks(client.price(pandas_frame()))
    assert priced["price"].to_list() == pytest.approx(EXPECTED, rel=1e-12)
    bumped = client.price(pandas_frame().assign(volatility=lambda f: f["volatility"] + 1e-5))["price"]
    lowered = client.price(pandas_frame().assign(volatility=lambda f: f["volatility"] - 1e-5))["price"]
    vegas = ((bumped - lowered) / 2e-5).to_list()
    assert priced["vega"].to_list() == pytest.approx(vegas, rel=1e-7), "vega is per 1.00 of volatility"
    again = client.greeks(priced)
    assert again["vega"].to_list() == priced["vega"].to_list(), "earlier outputs are replaced"


def test_an_implied_volatility_is_the_volatility_of_the_price(client: Client) -> None:
    quotes = client.price(pandas_frame()).drop(columns="volatility")
    found = client.implied_volatility(quotes, outputs=["implied_volatility", "vega"])
    assert found["implied_volatility"].to_list() == pytest.approx(ROWS["volatility"], rel=1e-12)
    assert found["vega"].gt(0).all()
    with pytest.raises(ValidationError, match="volatility"):
        client.implied_volatility(client.price(pandas_frame()))


def test_american_options_name_their_model(client: Client) -> None:
    american = client.price(pandas_frame(), model="andersen_lake", exercise_style="american")
    assert american["price"].iloc[1] > EXPECTED[1], "an American put is worth more"


def test_heston_parameters_are_inputs_and_greeks_need_a_prefix(client: Client) -> None:
    frame = pandas_frame().drop(columns="volatility").assign(v0=0.04, kappa=1.5, theta=0.04, sigma=0.3, rho=-0.7)
    assert client.price(frame, model="heston")["price"].gt(0).all()
    with pytest.raises(ValueError, match='pass prefix="out_"'):
        client.greeks(frame, model="heston")
    greeks = client.greeks(frame, model="heston", prefix="out_")
    assert greeks["theta"].eq(0.04).all()
    assert greeks["out_theta"].lt(0).any()


def test_a_failed_row_fails_alone(client: Client) -> None:
    frame = pandas_frame().assign(strike=[100.0, -1.0, 95.0])
    priced = client.price(frame)
    assert np.isnan(priced["price"].iloc[1])
    assert priced["price"].iloc[0] == pytest.approx(EXPECTED[0])
    assert priced["error_code"].iloc[1] == "validation_failed"
    assert priced["error_field"].iloc[1] == "strike"
    assert "strike must be at least" in priced["error_detail"].iloc[1]
    with pytest.raises(RowsFailedError, match="1 of 3 rows failed; the first is row 1: strike must") as raised:
        client.price(frame, on_error="raise")
    assert raised.value.failures.to_pylist()[0]["row"] == 1
    assert client.price(pandas_frame(), on_error="raise").columns.to_list() == [*pandas_frame().columns, "price"]


def test_nan_of_pandas_is_an_absent_input(client: Client) -> None:
    priced = client.price(pandas_frame().assign(dividend_yield=[np.nan, 0.0, np.nan], rate=[0.03, np.nan, 0.03]))
    assert priced["price"].iloc[0] == pytest.approx(EXPECTED[0]), "an absent yield is zero"
    assert priced["error_field"].iloc[1] == "rate"


def test_another_column_is_refused_by_name_or_ignored(client: Client) -> None:
    frame = pandas_frame().assign(ticker="AAPL", listed=dt.date(2027, 6, 18))
    with pytest.raises(ValidationError) as raised:
        client.price(frame)
    details = [error.detail for error in raised.value.errors]
    assert any('"ticker" is not an input' in detail for detail in details)
    assert any('"listed" is not an input' in detail for detail in details)
    priced = client.price(frame, ignore=["ticker", "listed"])
    assert priced["ticker"].to_list() == ["AAPL"] * 3
    with pytest.raises(ValidationError, match="did you mean volatility"):
        client.price(pandas_frame().rename(columns={"volatility": "volatilty"}))
    with pytest.raises(TypeError, match="ignore must be a list"):
        client.price(frame, ignore="ticker")


def test_suspicious_units_are_a_warning_or_with_strict_units_an_error(client: Client) -> None:
    frame = pandas_frame().assign(volatility=20.0)
    with pytest.warns(UnitWarning, match="volatility"):
        client.price(frame)
    assert client.price(frame, strict_units=True)["error_field"].to_list() == ["volatility"] * 3


def test_a_frame_without_rows_comes_back_without_rows(client: Client) -> None:
    assert client.price(pandas_frame().iloc[:0]).columns.to_list()[-4:] == [
        "price",
        "error_code",
        "error_field",
        "error_detail",
    ]
    assert client.greeks(pl.DataFrame({**ROWS, "option_type": SIDES}).clear()).height == 0


def test_a_frame_without_rows_has_the_columns_of_the_answer(client: Client) -> None:
    for frame in (pd.DataFrame({"strike": pd.Series([], dtype=float)}), pd.DataFrame({"strike": []})):
        priced = client.price(frame, spot=100, time_to_expiry=0.5, rate=0.03, volatility=0.2, option_type="call")
        assert list(priced.columns) == ["strike", "price", "error_code", "error_field", "error_detail"]
        assert priced.empty


def test_numbers_of_numpy_are_arguments_and_one_output_must_be_a_list(client: Client) -> None:
    frame = pd.DataFrame({"strike": [100.0]})
    market: dict[str, Any] = {"time_to_expiry": 0.5, "rate": 0.03, "volatility": 0.2, "option_type": "call"}
    spots: list[Any] = [100, np.int64(100), np.float32(100), np.float64(100)]
    prices = [client.price(frame, spot=spot, **market)["price"].iloc[0] for spot in spots]
    assert prices == [prices[0]] * 4
    with pytest.raises(TypeError, match=r'outputs must be a list of names: \["delta"\]'):
        client.price(frame, outputs="delta", spot=100, **market)
