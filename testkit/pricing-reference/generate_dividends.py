"""Makes dividends.json beside it: options whose spot falls by each discrete dividend, by two methods that share nothing with
the service.

`exact`: one dividend, the European options and the American call at a rate that is not negative. The call is exercised just
before the dividend or at expiry only, so each price is one integral, by mpmath (1.3 or later) at 30 digits.

`grid`: any dividends, American. Crank-Nicolson with implicit first steps on a grid that is stretched around the strike in
the spot itself, exercise by policy iteration, dividends by splines (numpy 2, scipy 1.14 or later), extrapolated from two
grids. The fourth value of a row is the change by the extrapolation to the finest grid, which bounds its error.

    python3 -m venv venv && venv/bin/pip install mpmath numpy scipy
    venv/bin/python testkit/pricing-reference/generate_dividends.py
"""

import json
import os
import random

import mpmath
import numpy as np
import scipy
from mpmath import exp, log, mp, mpf, pi, quad, sqrt
from scipy.interpolate import CubicSpline
from scipy.linalg import solve_banded

mp.dps = 30
HERE = os.path.dirname(os.path.abspath(__file__))
random.seed(18)


def normal(x):
    return mpmath.erfc(-x / sqrt(mpf(2))) / 2


def black_scholes(spot, strike, time, rate, volatility, sign):
    deviation = volatility * sqrt(time)
    if spot <= 0:
        return mpf(0) if sign > 0 else strike * exp(-rate * time)
    d1 = (log(spot / strike) + rate * time) / deviation + deviation / 2
    return sign * (spot * normal(sign * d1) - strike * exp(-rate * time) * normal(sign * (d1 - deviation)))


def with_one_dividend(spot, strike, time, rate, volatility, paid_at, amount, sign, american):
    deviation = volatility * sqrt(paid_at)
    drift = (rate - volatility**2 / 2) * paid_at

    def before(z):
        here = spot * exp(drift + deviation * z)
        held = black_scholes(max(here - amount, mpf(0)), strike, time - paid_at, rate, volatility, sign)
        return max(held, here - strike) if american else held

    def integrand(z):
        return before(z) * exp(-z * z / 2)

    breaks = [mpf(-14), mpf(14)]
    if spot * exp(drift - 14 * deviation) < amount:
        breaks.append((log(amount / spot) - drift) / deviation)
    if american:
        # The exercise pays where the spot less the strike is above the value after the dividend.
        gain = lambda z: spot * exp(drift + deviation * z) - strike - black_scholes(
            max(spot * exp(drift + deviation * z) - amount, mpf(0)), strike, time - paid_at, rate, volatility, 1)
        low, high = mpf(-14), mpf(14)
        if gain(low) < 0 < gain(high):
            for _ in range(100):
                middle = (low + high) / 2
                low, high = (middle, high) if gain(middle) < 0 else (low, middle)
            breaks.append((low + high) / 2)
    points = sorted(set(breaks + [mpf(k) for k in range(-13, 14, 2)]))
    return exp(-rate * paid_at) * quad(integrand, points) / sqrt(2 * pi)


def on_grid(spot, strike, time, rate, volatility, dividends, sign, american, nodes, steps):
    top = max(spot, strike) * np.exp(7 * volatility * np.sqrt(time) + abs(rate) * time)
    width = 0.3 * strike * max(volatility * np.sqrt(time), 0.05)
    z = np.linspace(np.arcsinh(-strike / width), np.arcsinh((top - strike) / width), nodes + 1)
    s = strike + width * np.sinh(z)
    s[0] = 0.0
    payoff = np.maximum(sign * (s - strike), 0)
    left, right = s[1:-1] - s[:-2], s[2:] - s[1:-1]
    variance = volatility**2 * s[1:-1] ** 2
    lower = (variance - rate * s[1:-1] * right) / (left * (left + right))
    upper = (variance + rate * s[1:-1] * left) / (right * (left + right))
    centre = -lower - upper - rate

    def advance(values, dt, implicit, left_over):
        share = 1.0 if implicit else 0.5
        explicit = (1 - share) * dt
        target = values[1:-1] + explicit * (lower * values[:-2] + centre * values[1:-1] + upper * values[2:])
        bands = np.zeros((3, len(s)))
        bands[0, 2:] = -share * dt * upper
        bands[1, 1:-1] = 1 - share * dt * centre
        bands[2, :-2] = -share * dt * lower
        bands[1, 0] = bands[1, -1] = 1.0
        # The value at a spot of 0, and the linear value at the top.
        at_zero = 0.0 if sign > 0 else (strike if american and rate >= 0 else strike * np.exp(-rate * left_over))
        paid = sum(d * np.exp(-rate * (t - (time - left_over))) for t, d in dividends if t > time - left_over)
        at_top = max(s[-1] - strike, s[-1] - paid - strike * np.exp(-rate * left_over)) if sign > 0 else 0.0
        rhs = np.concatenate([[at_zero], target, [at_top]])
        if not american:
            return solve_banded((1, 1), bands, rhs)
        exercised = values <= payoff
        exercised[0] = exercised[-1] = False
        for _ in range(50):
            system = bands.copy()
            system[0, 1:][exercised[:-1]] = 0
            system[2, :-1][exercised[1:]] = 0
            system[1, exercised] = 1
            result = solve_banded((1, 1), system, np.where(exercised, payoff, rhs))
            residual = np.zeros_like(result)
            residual[1:-1] = (bands[1, 1:-1] * result[1:-1] + bands[0, 2:] * result[2:] + bands[2, :-2] * result[:-2]
                              - target)
            now = np.where(exercised, residual > 0, result < payoff)
            now[0] = now[-1] = False
            if (now == exercised).all():
                break
            exercised = now
        return np.maximum(result, payoff)

    values = payoff.copy()
    ends = [t for t, _ in dividends] + [time]
    starts = [0.0] + [t for t, _ in dividends]
    for k in range(len(ends) - 1, -1, -1):
        length = ends[k] - starts[k]
        count = max(20, int(steps * np.sqrt(length / time)))
        times = length * (np.arange(count + 1) / count) ** 2
        half = times[1] / 4
        for i in range(4):
            values = advance(values, half, True, time - ends[k] + half * (i + 1))
        for i in range(1, count):
            implicit = False
            values = advance(values, times[i + 1] - times[i], implicit, time - ends[k] + times[i + 1])
        if k > 0:
            after = CubicSpline(s, values)
            values = after(np.maximum(s - dividends[k - 1][1], 0))
            if american:
                values = np.maximum(values, payoff)
    return float(CubicSpline(s, values)(spot))


def grid_row(spot, strike, time, rate, volatility, dividends, sign):
    prices = [on_grid(spot, strike, time, rate, volatility, dividends, sign, True, n, n // 2) for n in (1000, 2000, 4000)]
    first, second = ((4 * fine - coarse) / 3 for coarse, fine in zip(prices, prices[1:]))
    return second, abs(second - first)


exact = []
for spot, strike, time, rate, volatility, paid_at, amount in [
    (100, 100, 1, 0.06, 0.3, 0.5, 7), (100, 130, 1, 0.06, 0.3, 0.5, 7), (100, 70, 1, 0.06, 0.3, 0.5, 7),
    (100, 100, 1, 0.06, 0.3, 0.01, 7), (100, 100, 1, 0.06, 0.3, 0.99, 7), (100, 90, 0.25, 0.02, 0.15, 0.1, 0.5),
    (100, 100, 5, 0.03, 0.2, 2.5, 10), (100, 110, 2, 0, 0.5, 1, 30), (50, 45, 0.5, 0.1, 0.4, 0.25, 2),
    (100, 100, 1, 0.05, 0.8, 0.9, 50), (100, 95, 0.1, 0.05, 0.2, 0.05, 3), (100, 105, 3, 0.02, 0.1, 1.5, 4),
]:
    numbers = [mpf(str(value)) for value in (spot, strike, time, rate, volatility, paid_at, amount)]
    prices = [with_one_dividend(*numbers, sign, american) for sign, american in ((1, False), (-1, False), (1, True))]
    exact.append([spot, strike, time, rate, volatility, paid_at, amount, *(float(price) for price in prices)])
    print(exact[-1], flush=True)

grid = []
for spot, strike, time, rate, volatility, dividends in [
    (100, 100, 1, 0.05, 0.3, [[0.5, 3]]), (100, 100, 1, 0.05, 0.2, [[0.1, 1], [0.35, 1], [0.6, 1], [0.85, 1]]),
    (100, 120, 1, 0.08, 0.25, [[0.5, 2]]), (100, 90, 0.5, 0.03, 0.4, [[0.1, 1], [0.3, 1]]),
    (100, 100, 0.25, 0.05, 0.2, [[0.2, 2]]), (100, 105, 2, 0.06, 0.2, [[0.25, 1], [0.75, 1], [1.25, 1], [1.75, 1]]),
    (50, 55, 1, 0.1, 0.35, [[0.02, 0.5], [0.9, 0.5]]), (100, 100, 3, 0.02, 0.5, [[1, 5], [2, 5]]),
    (100, 110, 1, 0.12, 0.15, [[0.4, 0.2], [0.8, 0.2]]), (100, 100, 0.5, 0.04, 0.6, [[0.25, 10]]),
]:
    for sign in (-1, 1):
        price, error = grid_row(spot, strike, time, rate, volatility, dividends, sign)
        grid.append([[spot, strike, time, rate, volatility, sign], dividends, price, error])
        print(grid[-1], flush=True)

table = {
    "provenance": f"mpmath {mpmath.__version__}, numpy {np.__version__}, scipy {scipy.__version__}, by generate_dividends.py",
    "exact_order": "spot strike time rate volatility dividend_time dividend european_call european_put american_call",
    "exact": exact,
    "grid_order": "[spot strike time rate volatility sign] dividends american error",
    "grid": grid,
}
with open(os.path.join(HERE, "dividends.json"), "w", encoding="utf-8") as file:
    json.dump(table, file)
    file.write("\n")
