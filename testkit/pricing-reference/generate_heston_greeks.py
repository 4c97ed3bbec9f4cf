"""Makes heston-greeks.json beside it: derivatives of Heston prices by mpmath (1.3 or later). The price is the integral of
A. Lewis (2001) as in generate_heston.py at 45 digits, and each derivative is a central difference of it with a step of 1e-10,
so about 20 digits of a first derivative are right. Vega, vanna and volga are by the square root of v0.

    python3 -m venv venv && venv/bin/pip install mpmath && venv/bin/python testkit/pricing-reference/generate_heston_greeks.py
"""

import json
import os
import random

import mpmath
from mpmath import exp, log, mp, mpc, mpf, pi, sqrt
from mpmath.calculus.quadrature import GaussLegendre

mp.dps = 45
HERE = os.path.dirname(os.path.abspath(__file__))
random.seed(29)
STEP = mpf(10) ** -10
PIECES = 8
# 48 nodes on [-1, 1].
NODES = GaussLegendre(mp).calc_nodes(5, 160)
NAMES = ["spot", "strike", "time", "rate", "dividend_yield", "root", "kappa", "theta", "sigma", "rho"]


def call(m):
    spot, strike, time, rate, dividend, root, kappa, theta, sigma, rho = (m[name] for name in NAMES)
    v0 = root * root
    forward = spot * exp((rate - dividend) * time)
    x = log(forward / strike)

    def integrand(u):
        z = mpc(u, -mpf(1) / 2)
        beta = kappa - rho * sigma * mpc(0, 1) * z
        d = sqrt(beta**2 + sigma**2 * (z**2 + mpc(0, 1) * z))
        g = (beta - d) / (beta + d)
        decay = exp(-d * time)
        a = (beta - d) / sigma**2 * (1 - decay) / (1 - g * decay)
        b = ((beta - d) * time - 2 * log((1 - g * decay) / (1 - g))) / sigma**2
        return (exp(mpc(0, u * x) + v0 * a + kappa * theta * b)).real / (u**2 + mpf(1) / 4)

    # The same nodes for each price, so that differences do not see the error of the quadrature. They are in w with
    # u = sinh(w) / 2, because the integrand has poles at u = i / 2 and -i / 2.
    total = mpf(0)
    for start in range(PIECES):
        half = m["end"] / PIECES / 2
        for node, weight in NODES:
            w = half * (2 * start + 1 + node)
            total += half * weight * integrand(mpmath.sinh(w) / 2) * mpmath.cosh(w) / 2
    return exp(-rate * time) * (forward - sqrt(forward * strike) / pi * total)


def price(m, **changes):
    changed = dict(m)
    for name, steps in changes.items():
        changed[name] = m[name] + steps * STEP
    return call(changed)


def first(m, name):
    return (price(m, **{name: 1}) - price(m, **{name: -1})) / (2 * STEP)


def second(m, name):
    return (price(m, **{name: 1}) + price(m, **{name: -1}) - 2 * price(m)) / STEP**2


def mixed(m, one, other):
    corners = [price(m, **{one: i, other: j}) * i * j for i in (1, -1) for j in (1, -1)]
    return sum(corners) / (4 * STEP**2)


def third(m, name):
    terms = [price(m, **{name: 2}), -2 * price(m, **{name: 1}), 2 * price(m, **{name: -1}), -price(m, **{name: -2})]
    return sum(terms) / (2 * STEP**3)


def case(k):
    wide = k % 4 == 3
    strike = 100 * random.uniform(0.5, 1.8) if wide else 100 * random.uniform(0.8, 1.25)
    values = [100, round(strike, 2), round(random.uniform(0.1, 4), 4)]
    values += [round(random.uniform(-0.02, 0.08), 4), round(random.uniform(-0.02, 0.08), 4)]
    values += [round(random.uniform(0.1, 0.5), 4), round(random.uniform(0.2, 5), 3), round(random.uniform(0.01, 0.2), 4)]
    values += [round(random.uniform(0.1, 1.2), 3), round(random.uniform(-0.9, 0.5), 3)]
    m = {name: mpf(str(value)) for name, value in zip(NAMES, values)}
    v0 = m["root"] ** 2
    end = 90 * m["sigma"] / (sqrt(1 - m["rho"] ** 2) * (v0 + m["kappa"] * m["theta"] * m["time"])) + 14 / sqrt(v0 * m["time"])
    m["end"] = mpmath.asinh(2 * end)
    greeks = {
        "price": price(m), "delta": first(m, "spot"), "gamma": second(m, "spot"), "vega": first(m, "root"),
        "theta": -first(m, "time"), "rho": first(m, "rate"), "dividend_rho": first(m, "dividend_yield"),
        "vanna": mixed(m, "spot", "root"), "volga": second(m, "root"), "charm": -mixed(m, "spot", "time"),
        "veta": -mixed(m, "root", "time"), "speed": third(m, "spot"), "dual_delta": first(m, "strike"),
        "dual_gamma": second(m, "strike"),
    }
    row = {"inputs": values, "greeks": {name: float(value) for name, value in greeks.items()}}
    print(row, flush=True)
    return row


table = {
    "provenance": f"mpmath {mpmath.__version__} at {mp.dps} digits, by generate_heston_greeks.py",
    "order": " ".join(NAMES) + ", root is the square root of v0; a call",
    "rows": [case(k) for k in range(12)],
}
with open(os.path.join(HERE, "heston-greeks.json"), "w", encoding="utf-8") as file:
    json.dump(table, file)
    file.write("\n")
