"""Makes american.json beside it: American option prices by QuantLib's QdFpAmericanEngine in its high-precision scheme
(tanh-sinh quadrature), a separate implementation of the method of Andersen, Lake and Offengenden.

    python3 -m venv venv && venv/bin/pip install QuantLib==1.44 && venv/bin/python testkit/pricing-reference/generate_american.py

The set is random and realistic: strike 100, spot 60 to 150, 10 days to 3 years, rates and yields 0 to 0.1, volatilities
0.1 to 0.6, calls and puts.
"""

import json
import os
import random

import QuantLib as ql

HERE = os.path.dirname(os.path.abspath(__file__))
TODAY = ql.Date(1, 1, 2025)
DAYS = ql.Actual365Fixed()
ql.Settings.instance().evaluationDate = TODAY
random.seed(7)


def price(spot, strike, days, rate, dividend, volatility, sign):
    process = ql.BlackScholesMertonProcess(
        ql.QuoteHandle(ql.SimpleQuote(spot)),
        ql.YieldTermStructureHandle(ql.FlatForward(TODAY, dividend, DAYS)),
        ql.YieldTermStructureHandle(ql.FlatForward(TODAY, rate, DAYS)),
        ql.BlackVolTermStructureHandle(ql.BlackConstantVol(TODAY, ql.NullCalendar(), volatility, DAYS)),
    )
    payoff = ql.PlainVanillaPayoff(ql.Option.Put if sign < 0 else ql.Option.Call, strike)
    option = ql.VanillaOption(payoff, ql.AmericanExercise(TODAY, TODAY + days))
    option.setPricingEngine(ql.QdFpAmericanEngine(process, ql.QdFpAmericanEngine.highPrecisionScheme()))
    return option.NPV()


def case():
    days = random.randint(10, 3 * 365)
    spot = round(random.uniform(60, 150), 2)
    rate, dividend = round(random.uniform(0, 0.1), 4), round(random.uniform(0, 0.1), 4)
    volatility, sign = round(random.uniform(0.1, 0.6), 3), random.choice([1, -1])
    value = price(spot, 100.0, days, rate, dividend, volatility, sign)
    return [spot, 100.0, days / 365, rate, dividend, volatility, sign, value]


table = {
    "provenance": f"QuantLib {ql.__version__} QdFpAmericanEngine.highPrecisionScheme, by generate_american.py",
    "order": "spot strike time rate dividend_yield volatility sign price",
    "rows": [case() for _ in range(300)],
}
with open(os.path.join(HERE, "american.json"), "w", encoding="utf-8") as file:
    json.dump(table, file)
    file.write("\n")
