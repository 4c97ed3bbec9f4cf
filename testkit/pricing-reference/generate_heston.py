"""Makes heston.json beside it: Heston prices by mpmath (1.3 or later) at 30 digits, the integral of A. Lewis (2001) along
Im z = 1/2 with the characteristic function free of branch cuts.

    python3 -m venv venv && venv/bin/pip install mpmath && venv/bin/python testkit/pricing-reference/generate_heston.py
"""

import json
import os
import random

import mpmath
from mpmath import exp, log, mp, mpc, mpf, pi, quad, sqrt

mp.dps = 30
HERE = os.path.dirname(os.path.abspath(__file__))
random.seed(11)


def call(spot, strike, time, rate, dividend, v0, kappa, theta, sigma, rho):
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

    # Until the exponential tail is below 1e-30.
    end = 75 * sigma / (sqrt(1 - rho**2) * (v0 + kappa * theta * time)) + 12 / sqrt(v0 * time)
    pieces = [end * mpf(k) / 40 for k in range(41)]
    return exp(-rate * time) * (forward - sqrt(forward * strike) / pi * quad(integrand, pieces))


def case(k):
    wide = k % 3 == 2
    strike = 100 * random.uniform(0.3, 2.5) if wide else 100 * random.uniform(0.7, 1.4)
    time = random.uniform(0.003, 0.05) if k % 5 == 4 else random.uniform(0.05, 5)
    row = [100.0, round(strike, 2), round(time, 4), round(random.uniform(-0.02, 0.08), 4), round(random.uniform(-0.02, 0.08), 4)]
    row += [round(random.uniform(0.005, 0.3), 4), round(random.uniform(0.1, 6), 3), round(random.uniform(0.005, 0.3), 4)]
    row += [round(random.uniform(0.05, 1.5), 3), round(random.uniform(-0.95, 0.5), 3)]
    return [*row, float(call(*(mpf(value) for value in row)))]


table = {
    "provenance": f"mpmath {mpmath.__version__} at {mp.dps} digits, by generate_heston.py",
    "order": "spot strike time rate dividend_yield v0 kappa theta sigma rho call",
    "rows": [case(k) for k in range(60)],
}
with open(os.path.join(HERE, "heston.json"), "w", encoding="utf-8") as file:
    json.dump(table, file)
    file.write("\n")
