"""Makes exotic.json beside it: barrier and digital options by mpmath (1.3 or later) at 60 digits. Barrier prices are the sums of the
terms A to F in E. G. Haug, "The Complete Guide to Option Pricing Formulas", 2nd ed. (2007), section 4.17.1; the greeks are numerical
derivatives of them. A rebate at negative rates uses the same terms with complex numbers.

    python3 -m venv venv && venv/bin/pip install mpmath && venv/bin/python testkit/pricing-reference/generate_exotic.py
"""

import json
import os
import random

import mpmath
from mpmath import erfc, exp, log, mp, mpf, sqrt

mp.dps = 60
HERE = os.path.dirname(os.path.abspath(__file__))
random.seed(23)
NAMES = ["price", "delta", "gamma", "vega", "theta", "rho", "dividend_rho", "vanna", "volga", "charm", "speed", "dual_delta", "dual_gamma"]
# Orders of the derivatives by spot, strike, time, rate, yield and volatility.
ORDERS = {
    "delta": (1, 0, 0, 0, 0, 0), "gamma": (2, 0, 0, 0, 0, 0), "vega": (0, 0, 0, 0, 0, 1), "theta": (0, 0, 1, 0, 0, 0),
    "rho": (0, 0, 0, 1, 0, 0), "dividend_rho": (0, 0, 0, 0, 1, 0), "vanna": (1, 0, 0, 0, 0, 1), "volga": (0, 0, 0, 0, 0, 2),
    "charm": (1, 0, 1, 0, 0, 0), "speed": (3, 0, 0, 0, 0, 0), "dual_delta": (0, 1, 0, 0, 0, 0), "dual_gamma": (0, 2, 0, 0, 0, 0),
}


def cnd(x):
    return erfc(-x / sqrt(mpf(2))) / 2


def haug(kind, sign, barrier, rebate):
    def price(s, k, t, r, q, v):
        b = r - q
        mu = (b - v**2 / 2) / v**2
        lam = sqrt(mu**2 + 2 * r / v**2)
        dev = v * sqrt(t)
        phi = sign
        eta = 1 if kind.startswith("down") else -1
        x1 = log(s / k) / dev + (1 + mu) * dev
        x2 = log(s / barrier) / dev + (1 + mu) * dev
        y1 = log(barrier**2 / (s * k)) / dev + (1 + mu) * dev
        y2 = log(barrier / s) / dev + (1 + mu) * dev
        z = log(barrier / s) / dev + lam * dev
        ratio = barrier / s

        def plain(x):
            return phi * s * exp(-q * t) * cnd(phi * x) - phi * k * exp(-r * t) * cnd(phi * (x - dev))

        def mirrored(y):
            return phi * s * exp(-q * t) * ratio ** (2 * (mu + 1)) * cnd(eta * y) - phi * k * exp(-r * t) * ratio ** (2 * mu) * cnd(eta * (y - dev))

        A, B, C, D = plain(x1), plain(x2), mirrored(y1), mirrored(y2)
        E = rebate * exp(-r * t) * (cnd(eta * (x2 - dev)) - ratio ** (2 * mu) * cnd(eta * (y2 - dev)))
        F = rebate * (ratio ** (mu + lam) * cnd(eta * z) + ratio ** (mu - lam) * cnd(eta * (z - 2 * lam * dev))) if rebate else 0
        above = k > barrier
        table = {
            ("down_in", 1): C + E if above else A - B + D + E,
            ("up_in", 1): A + E if above else B - C + D + E,
            ("down_in", -1): B - C + D + E if above else A + E,
            ("up_in", -1): A - B + D + E if above else C + E,
            ("down_out", 1): A - C + F if above else B - D + F,
            ("up_out", 1): F if above else A - B + C - D + F,
            ("down_out", -1): A - B + C - D + F if above else F,
            ("up_out", -1): B - D + F if above else A - C + F,
        }
        return mpmath.re(table[kind, sign])

    return price


def digital(payoff, sign, cash):
    def price(s, k, t, r, q, v):
        dev = v * sqrt(t)
        d2 = log(s / k) / dev + (r - q - v**2 / 2) * t / dev
        return s * exp(-q * t) * cnd(sign * (d2 + dev)) if payoff == "asset" else cash * exp(-r * t) * cnd(sign * d2)

    return price


def difference(f, point, orders):
    """Central differences of the given orders. The step is so small that 20 digits of the result are correct."""
    h = mpf(10) ** -12
    stencils = {1: [(-2, mpf(1) / 12), (-1, mpf(-2) / 3), (1, mpf(2) / 3), (2, mpf(-1) / 12)], 2: [(-2, mpf(-1) / 12), (-1, mpf(4) / 3), (0, mpf(-5) / 2), (1, mpf(4) / 3), (2, mpf(-1) / 12)], 3: [(-2, mpf(-1) / 2), (-1, mpf(1)), (1, mpf(-1)), (2, mpf(1) / 2)]}
    terms = [(mpf(1), list(point))]
    for axis, order in enumerate(orders):
        if order == 0:
            continue
        step = h * (point[axis] if axis != 3 and axis != 4 else 1)
        terms = [(c * w / step**order, [*p[:axis], p[axis] + j * step, *p[axis + 1 :]]) for c, p in terms for j, w in stencils[order]]
    return sum(c * f(*p) for c, p in terms)


def values(f, point):
    row = [f(*point)]
    for name in NAMES[1:]:
        value = difference(f, point, ORDERS[name])
        row.append(-value if name in ("theta", "charm") else value)
    return [float(value) for value in row]


def market(k):
    short = k % 5 == 4
    t = round(random.uniform(0.004, 0.05) if short else random.uniform(0.05, 4), 4)
    negative = k % 3 == 0
    rate = round(random.uniform(-0.09, -0.01) if negative else random.uniform(0, 0.1), 4)
    dividend = round(rate - random.uniform(-0.03, 0.05) if negative else random.uniform(-0.02, 0.08), 4)
    volatility = round(random.uniform(0.08, 0.7), 4)
    reach = min(volatility * t**0.5, 0.5)
    return t, rate, dividend, volatility, reach


barriers, digitals = [], []
for k in range(160):
    kind = ["down_in", "down_out", "up_in", "up_out"][k % 4]
    sign = 1 if k // 4 % 2 else -1
    t, rate, dividend, volatility, reach = market(k)
    strike = round(100 * (1 + reach * random.uniform(-1.5, 1.5)), 2)
    side = -1 if kind.startswith("down") else 1
    barrier = round(100 * (1 + side * reach * random.uniform(0.02, 1.6)), 3)
    rebate = 0.0 if k // 8 % 2 else round(random.uniform(0.5, 8), 2)
    point = [mpf(value) for value in (100.0, strike, t, rate, dividend, volatility)]
    row = values(haug(kind, sign, mpf(barrier), mpf(rebate)), point)
    barriers.append({"inputs": [100.0, strike, t, rate, dividend, volatility], "sign": sign, "type": kind, "barrier": barrier, "rebate": rebate, "values": row})
for k in range(60):
    t, rate, dividend, volatility, reach = market(k)
    strike = round(100 * (1 + reach * random.uniform(-1.7, 1.7)), 2)
    payoff, sign = ["asset", "cash"][k % 2], 1 if k // 2 % 2 else -1
    point = [mpf(value) for value in (100.0, strike, t, rate, dividend, volatility)]
    row = values(digital(payoff, sign, mpf(10)), point)
    digitals.append({"inputs": [100.0, strike, t, rate, dividend, volatility], "sign": sign, "payoff": payoff, "values": row})

table = {
    "provenance": f"mpmath {mpmath.__version__} at {mp.dps} digits, by generate_exotic.py",
    "order": "spot strike time rate dividend_yield volatility",
    "names": NAMES,
    "barriers": barriers,
    "digitals": digitals,
}
with open(os.path.join(HERE, "exotic.json"), "w", encoding="utf-8") as file:
    json.dump(table, file)
    file.write("\n")
