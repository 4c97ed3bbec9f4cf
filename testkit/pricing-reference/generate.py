"""Makes normal.json and greeks.json beside it: Values of at least 60 digits by mpmath (1.3 or later), rounded to doubles.

    python3 -m venv venv && venv/bin/pip install mpmath && venv/bin/python testkit/pricing-reference/generate.py

Inputs are the exact doubles written in the files. Greeks are numerical derivatives of the price, so they
share nothing with the closed forms under test.
"""

import itertools
import json
import os

import mpmath
from mpmath import diff, erfc, exp, log, mp, mpf, pi, sqrt

mp.dps = 60
HERE = os.path.dirname(os.path.abspath(__file__))
PROVENANCE = f"mpmath {mpmath.__version__} at {mp.dps} digits, by generate.py"


def cdf(x):
    return erfc(-x / sqrt(mpf(2))) / 2


def pdf(x):
    return exp(-x * x / 2) / sqrt(2 * pi)


def black(sign, forward, strike, time, discount, volatility):
    deviation = volatility * sqrt(time)
    d1 = log(forward / strike) / deviation + deviation / 2
    return discount * sign * (forward * cdf(sign * d1) - strike * cdf(sign * (d1 - deviation)))


def black_scholes(sign, spot, strike, time, rate, dividend, volatility):
    return black(sign, spot * exp((rate - dividend) * time), strike, time, exp(-rate * time), volatility)


def black76(sign, forward, strike, time, rate, _, volatility):
    return black(sign, forward, strike, time, exp(-rate * time), volatility)


def bachelier(sign, forward, strike, time, rate, _, volatility):
    deviation = volatility * sqrt(time)
    d = (forward - strike) / deviation
    return exp(-rate * time) * (sign * (forward - strike) * cdf(sign * d) + deviation * pdf(d))


# Order of differentiation by (underlying, strike, time, rate, dividend yield, volatility), and the sign.
GREEKS = {
    "delta": ((1, 0, 0, 0, 0, 0), 1),
    "gamma": ((2, 0, 0, 0, 0, 0), 1),
    "vega": ((0, 0, 0, 0, 0, 1), 1),
    "theta": ((0, 0, 1, 0, 0, 0), -1),
    "rho": ((0, 0, 0, 1, 0, 0), 1),
    "dividend_rho": ((0, 0, 0, 0, 1, 0), 1),
    "vanna": ((1, 0, 0, 0, 0, 1), 1),
    "volga": ((0, 0, 0, 0, 0, 2), 1),
    "charm": ((1, 0, 1, 0, 0, 0), -1),
    "veta": ((0, 0, 1, 0, 0, 1), -1),
    "speed": ((3, 0, 0, 0, 0, 0), 1),
    "zomma": ((2, 0, 0, 0, 0, 1), 1),
    "color": ((2, 0, 1, 0, 0, 0), -1),
    "ultima": ((0, 0, 0, 0, 0, 3), 1),
    "dual_delta": ((0, 1, 0, 0, 0, 0), 1),
    "dual_gamma": ((0, 2, 0, 0, 0, 0), 1),
}

# underlying, strike, time, rate, dividend yield, volatility
SPOT_CASES = [
    (42.0, 40.0, 0.5, 0.1, 0.0, 0.2),
    (100.0, 100.0, 1.0, 0.05, 0.02, 0.25),
    (100.0, 100.0, 0.01, 0.0, 0.0, 0.1),
    (100.0, 180.0, 0.25, 0.03, 0.01, 0.2),
    (100.0, 60.0, 0.25, 0.03, 0.01, 0.2),
    (100.0, 101.0, 0.02, 0.01, 0.0, 0.02),
    (100.0, 112.0, 0.1, 0.02, 0.0, 0.05),
    (100.0, 300.0, 0.5, 0.0, 0.0, 0.12),
    (100.0, 30.0, 0.5, 0.0, 0.0, 0.1),
    (1.1, 1.3, 2.0, -0.005, 0.01, 0.09),
    (5000.0, 7500.0, 10.0, 0.04, 0.015, 0.35),
    (100.0, 50.0, 5.0, -0.2, 0.3, 1.5),
    (1e-3, 2e-3, 30.0, 0.02, 0.0, 0.8),
    (1e9, 1.05e9, 0.003, 0.0, 0.0, 0.4),
    (100.0, 100.001, 1e-6, 0.0, 0.0, 0.3),
    (100.0, 1000.0, 1.0, 0.0, 0.0, 0.07),
]
NORMAL_CASES = [
    (42.0, 40.0, 0.5, 0.1, 0.0, 8.0),
    (100.0, 100.0, 1.0, 0.05, 0.0, 20.0),
    (-0.5, 1.25, 0.75, -0.004, 0.0, 0.6),
    (0.01, -0.02, 5.0, 0.01, 0.0, 0.009),
    (100.0, 160.0, 0.25, 0.03, 0.0, 10.0),
    (100.0, 40.0, 0.25, 0.03, 0.0, 8.0),
    (100.0, 101.0, 0.02, 0.01, 0.0, 0.5),
    (-37.63, -20.0, 0.1, 0.0, 0.0, 2.5),
    (1e6, 1.2e6, 2.0, 0.02, 0.0, 9e4),
]


def row(price, case, sign):
    exact = [mpf(x) for x in case]
    values = {"price": float(price(sign, *exact))}
    for name, (orders, factor) in GREEKS.items():
        value = diff(lambda *x: price(sign, *x), tuple(exact), orders, h=mpf(10) ** -40 * min(exact[2], exact[5], 1))
        values[name] = float(factor * value)
    return {"sign": sign, "inputs": case, **values}


def greeks():
    mp.dps = 450  # an in-the-money price of 900 hides derivatives of 1e-230
    tables = {"black_scholes": SPOT_CASES, "black76": SPOT_CASES, "bachelier": NORMAL_CASES}
    prices = {"black_scholes": black_scholes, "black76": black76, "bachelier": bachelier}
    rows = {name: [row(prices[name], c, s) for c, s in itertools.product(cases, (1, -1))] for name, cases in tables.items()}
    mp.dps = 60
    return {"provenance": PROVENANCE, "order": "underlying strike time rate dividend_yield volatility", **rows}


def mills(z):
    return cdf(z) / pdf(z)


def normal():
    xs = [-37.5, -30.1, -20.7, -12.3, -8.9, -6.6, -5.7, -5.6, -4.4, -3.3, -2.2, -1.5, -1.1, -0.7, -0.67, -0.5, -0.3,
          -0.1, -1e-3, -1e-10, 0.0, 1e-10, 0.1, 0.3, 0.6, 0.7, 1.1, 2.3, 4.5, 8.1]  # fmt: skip
    zs = [-1e9, -1e6, -500.25, -40.5, -20.25, -10.125, -6.0, -5.0, -3.5, -2.51, -2.49, -2.0, -1.0, -0.5, -0.01, 0.0]
    hs = [-39.5, -15.25, -8.0, -4.0, -2.51, -2.49, -1.75, -1.0, -0.25, 0.0]
    difference = lambda h, t: mills(mpf(h) + mpf(t)) - mills(mpf(h) - mpf(t))
    return {
        "provenance": PROVENANCE,
        "distribution": [[x, float(cdf(mpf(x))), float(pdf(mpf(x)))] for x in xs],
        "mills": [[z, float(mills(mpf(z))), float(1 + mpf(z) * mills(mpf(z)))] for z in zs],
        "difference": [[h, t, float(difference(h, t))] for h in hs for t in (1e-7, 0.001, 0.01, 0.019 * (1 - h))],
    }


for name, table in (("normal", normal()), ("greeks", greeks())):
    with open(os.path.join(HERE, f"{name}.json"), "w", encoding="utf-8") as file:
        json.dump(table, file, indent=1)
        file.write("\n")
