"""The factors of docs/units.md: the same option in QuantLib, in vollib (formerly py_vollib) and in the service."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from volwatch import Client

SPOT, STRIKE, RATE, DIVIDEND_YIELD, VOLATILITY, DAYS = 100.0, 105.0, 0.03, 0.01, 0.2, 182
YEARS = DAYS / 365


@pytest.fixture(scope="module")
def ours(client: Client) -> dict[str, float]:
    frame = pd.DataFrame({"strike": [STRIKE]})
    outputs = ["price", "delta", "gamma", "vega", "theta", "rho", "dividend_rho", "dual_delta"]
    row = client.greeks(
        frame,
        outputs=outputs,
        spot=SPOT,
        time_to_expiry=YEARS,
        rate=RATE,
        dividend_yield=DIVIDEND_YIELD,
        volatility=VOLATILITY,
        option_type="call",
    )
    return {name: float(row[name].iloc[0]) for name in outputs}


def quantlib_option() -> Any:
    import QuantLib as ql  # noqa: N813

    today = ql.Date(15, 1, 2026)
    ql.Settings.instance().evaluationDate = today
    count = ql.Actual365Fixed()
    process = ql.BlackScholesMertonProcess(
        ql.QuoteHandle(ql.SimpleQuote(SPOT)),
        ql.YieldTermStructureHandle(ql.FlatForward(today, DIVIDEND_YIELD, count)),
        ql.YieldTermStructureHandle(ql.FlatForward(today, RATE, count)),
        ql.BlackVolTermStructureHandle(ql.BlackConstantVol(today, ql.NullCalendar(), VOLATILITY, count)),
    )
    exercise = ql.EuropeanExercise(today + ql.Period(DAYS, ql.Days))
    option = ql.VanillaOption(ql.PlainVanillaPayoff(ql.Option.Call, STRIKE), exercise)
    option.setPricingEngine(ql.AnalyticEuropeanEngine(process))
    return option


def test_quantlib_has_the_same_units(ours: dict[str, float]) -> None:
    option = quantlib_option()
    assert ours == pytest.approx(
        {
            "price": option.NPV(),
            "delta": option.delta(),
            "gamma": option.gamma(),
            "vega": option.vega(),
            "theta": option.theta(),
            "rho": option.rho(),
            "dividend_rho": option.dividendRho(),
            "dual_delta": option.strikeSensitivity(),
        },
        rel=1e-10,
    )
    assert ours["theta"] / 365 == pytest.approx(option.thetaPerDay(), rel=1e-10)


def test_vollib_has_the_units_of_the_market(ours: dict[str, float]) -> None:
    from vollib.black_scholes_merton import black_scholes_merton
    from vollib.black_scholes_merton.greeks import analytical

    inputs = ("c", SPOT, STRIKE, YEARS, RATE, VOLATILITY, DIVIDEND_YIELD)
    assert ours["price"] == pytest.approx(black_scholes_merton(*inputs), rel=1e-10)
    assert ours["delta"] == pytest.approx(analytical.delta(*inputs), rel=1e-10)
    assert ours["gamma"] == pytest.approx(analytical.gamma(*inputs), rel=1e-10)
    assert ours["vega"] / 100 == pytest.approx(analytical.vega(*inputs), rel=1e-10)
    assert ours["theta"] / 365 == pytest.approx(analytical.theta(*inputs), rel=1e-10)
    assert ours["rho"] / 100 == pytest.approx(analytical.rho(*inputs), rel=1e-10)
