"""American options over the whole accepted domain with one exercise boundary, priced by QuantLib.

Two fixed-point schemes with tanh-sinh quadrature must agree to 1e-10 of the strike; other options are left out. Run with
QuantLib 1.44: python generate_american_wide.py > american-wide.json
"""

import json
import math
import random

import QuantLib as ql

random.seed(20261126)
TODAY = ql.Date(26, 11, 2026)
ql.Settings.instance().evaluationDate = TODAY
DAY_COUNT = ql.Actual365Fixed()
SCHEMES = [ql.QdFpTanhSinhIterationScheme(m, n, 1e-13) for m, n in ((16, 20), (28, 32))]


def log_uniform(low, high):
    return math.exp(random.uniform(math.log(low), math.log(high)))


def price(scheme, spot, strike, days, rate, dividend, vol, sign):
    curve = lambda value: ql.YieldTermStructureHandle(ql.FlatForward(TODAY, value, DAY_COUNT))
    process = ql.BlackScholesMertonProcess(
        ql.QuoteHandle(ql.SimpleQuote(spot)),
        curve(dividend),
        curve(rate),
        ql.BlackVolTermStructureHandle(ql.BlackConstantVol(TODAY, ql.NullCalendar(), vol, DAY_COUNT)),
    )
    payoff = ql.PlainVanillaPayoff(ql.Option.Call if sign > 0 else ql.Option.Put, strike)
    option = ql.VanillaOption(payoff, ql.AmericanExercise(TODAY, TODAY + days))
    option.setPricingEngine(ql.QdFpAmericanEngine(process, scheme))
    return option.NPV()


def market():
    # r is the rate of a put and the yield of a call, so that the option has one boundary or is never exercised early.
    r = random.choice([log_uniform(1e-4, 10), random.uniform(0, 0.3), random.uniform(0, 10)])
    q = random.choice([0.0, -log_uniform(1e-4, 1), log_uniform(1e-4, 10), random.uniform(-0.1, 0.3), r])
    days = random.choice([int(log_uniform(1, 73_000)), random.randint(1, 3650)])
    vol = random.choice([log_uniform(0.005, 100), random.uniform(0.05, 1)])
    moneyness = math.exp(random.uniform(-1.2, 1.2) * min(1, vol * math.sqrt(days / 365)))
    return r, q, days, vol, moneyness


rows = []
while len(rows) < 150:
    r, q, days, vol, moneyness = market()
    sign = random.choice([1, -1])
    spot, strike, rate, dividend = (100 * moneyness, 100.0, r, q) if sign < 0 else (100 * moneyness, 100.0, q, r)
    try:
        coarse, fine = (price(s, spot, strike, days, rate, dividend, vol, sign) for s in SCHEMES)
    except RuntimeError:
        continue
    if not abs(coarse - fine) < 1e-10 * strike:
        continue
    # An option that is exercised now says nothing about a method, so only one in twenty is kept.
    if abs(fine - max(sign * (spot - strike), 0)) < 1e-9 and len(rows) % 20:
        continue
    rows.append([spot, strike, days / 365, rate, dividend, vol, sign, fine])

provenance = (
    f"QuantLib {ql.__version__} QdFpAmericanEngine, QdFpTanhSinhIterationScheme(28, 32, 1e-13), where (16, 20) agrees "
    "to 1e-10 of the strike, by generate_american_wide.py"
)
print(json.dumps({"provenance": provenance, "order": "spot strike time rate dividend_yield volatility sign price", "rows": rows}))
