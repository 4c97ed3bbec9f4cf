"""Writes indexes.json: values of indexes over made-up prices, computed with exact fractions.

    python3 testkit/market-data/index-reference/generate_indexes.py

It keeps the books of a portfolio: money, numbers of shares, trades at the last closes. It has no divisor, no
checkpoints, and no code in common with the service. Sources of the methods: S&P Dow Jones Indices, Index Mathematics
Methodology (capitalization-weighted, equal-weighted, non-market-capitalization-weighted, price-weighted and total
return indices). Standard library only.
"""

import datetime
import json
import pathlib
from fractions import Fraction

SYMBOLS = ["A", "B", "C", "D", "E"]
TERMS = {  # weight, first day, last day
    "A": (Fraction(4, 10), None, "2021-02-26"),
    "B": (Fraction(3, 10), None, None),
    "C": (Fraction(2, 10), None, None),
    "D": (Fraction(1, 10), None, None),
    "E": (Fraction(4, 10), "2021-02-27", None),
}
ACTIONS = [  # symbol, date, dividend, split, shares
    ("A", "2020-10-01", None, None, 1000),
    ("B", "2020-10-01", None, None, 5000),
    ("C", "2020-10-01", None, None, 250),
    ("D", "2020-10-01", None, None, 12000),
    ("E", "2020-12-01", None, None, 800),
    ("B", "2020-11-16", "0.35", None, None),
    ("C", "2020-11-27", None, "4", None),
    ("D", "2020-12-10", "1.1", "0.5", None),
    ("A", "2020-12-21", "0.8", None, None),
    ("A", "2020-12-21", None, None, 1100),
    ("C", "2021-01-09", None, None, 1300),  # a Saturday: effective on the next bar
    ("B", "2021-01-18", "0.35", None, None),
    ("E", "2021-02-03", "0.2", None, None),  # not a member yet
    ("E", "2021-03-15", "0.2", "3", None),
    ("B", "2021-04-01", None, "1.5", None),
]


def closes():
    """Business days from 2020-11-02 to 2021-04-30. D begins on 2020-11-18, and C has no bar on some days."""
    seed = 20201102
    price = {"A": 100.0, "B": 42.0, "C": 310.0, "D": 6.5, "E": 58.0}
    rows = {}
    day = datetime.date(2020, 11, 2)
    number = 0
    while day <= datetime.date(2021, 4, 30):
        date = day.isoformat()
        if day.weekday() < 5:
            rows[date] = {}
            for symbol in SYMBOLS:
                seed = (seed * 1103515245 + 12345) % 2**31
                price[symbol] *= 0.97 + 0.0605 * (seed / 2**31)
                for who, when, _, split, _ in ACTIONS:
                    if who == symbol and when == date and split:
                        price[symbol] /= float(split)
                if symbol == "D" and date < "2020-11-18":
                    continue
                if symbol == "C" and number % 17 == 5:
                    continue
                rows[date][symbol] = f"{price[symbol]:.2f}"
            number += 1
        day += datetime.timedelta(days=1)
    return rows


def in_force(symbol, date, terms):
    _, first, last = terms.get(symbol, (None, None, None))
    return (first is None or first <= date) and (last is None or date <= last)


def period(date, rebalance):
    year, month = date[:4], int(date[5:7])
    return {
        "never": "",
        "each_bar": date,
        "monthly": date[:7],
        "quarterly": f"{year} {(month - 1) // 3}",
        "yearly": year,
    }[rebalance]


def portfolio(rows, index):
    """A portfolio that holds `held[symbol]` shares. Its money is the index value."""
    method, rebalance, total = index["method"], index["rebalance"], index["return_type"] == "total"
    symbols, terms = index["constituents"], index["terms"]
    money, held, last, issued, previous, out = None, {}, {}, {}, None, []

    def target(symbol):
        if method == "equal_weighted":
            return Fraction(1)
        if method == "fixed_weights":
            return terms[symbol][0]
        if method == "capitalization_weighted":
            return issued[symbol] * last[symbol]
        return last[symbol]  # one share of each

    def ready(symbol, date):
        return (
            in_force(symbol, date, terms)
            and symbol in last
            and (method != "capitalization_weighted" or symbol in issued)
        )

    def invest(members):
        """Spends the money on the members, in the ratio of their targets."""
        whole = sum(target(symbol) for symbol in members)
        held.clear()
        for symbol in members:
            held[symbol] = money * target(symbol) / whole / last[symbol]

    for date, row in sorted(rows.items()):
        row = {symbol: Fraction(row[symbol]) for symbol in symbols if symbol in row}
        if not row:
            continue
        cash = {}
        reweigh = False
        for symbol, when, dividend, split, shares in ACTIONS:
            if symbol not in symbols or when > date or (previous and when <= previous):
                continue
            if split:
                if symbol in last:
                    last[symbol] /= Fraction(split)
                if symbol in held:
                    held[symbol] *= Fraction(split)
                if symbol in issued:
                    issued[symbol] *= Fraction(split)
                reweigh = reweigh or method == "price_weighted"
            if shares:
                issued[symbol] = Fraction(shares)
                reweigh = reweigh or method == "capitalization_weighted"
            if dividend and total:
                cash[symbol] = Fraction(dividend)
        if money is not None:
            members = [symbol for symbol in symbols if ready(symbol, date)]
            if set(members) != set(held):
                reweigh = True
            due = period(date, rebalance) != period(previous, rebalance)
            if due or (reweigh and method not in ("equal_weighted", "fixed_weights")):
                invest(members)
            elif reweigh:
                # Between two rebalancings the members that stay keep their ratio, and a new one gets its target weight
                # beside the targets of the others.
                stay = [symbol for symbol in members if symbol in held]
                worth = sum(held[symbol] * last[symbol] for symbol in stay)
                targets = sum(target(symbol) for symbol in stay)
                parts = {symbol: held[symbol] * last[symbol] / worth for symbol in stay}
                for symbol in members:
                    parts.setdefault(symbol, target(symbol) / targets)
                whole = sum(parts.values())
                held.clear()
                for symbol, part in parts.items():
                    held[symbol] = money * part / whole / last[symbol]
            # With `each_bar` a member without a bar today does not count.
            counted = [symbol for symbol in held if rebalance != "each_bar" or symbol in row]
            if counted and rebalance == "each_bar":
                invest(counted)
            worth = sum(held[symbol] * row.get(symbol, last[symbol]) for symbol in counted)
            paid = sum(held[symbol] * cash.get(symbol, 0) for symbol in counted)
            if counted:
                for symbol in held:
                    held[symbol] *= (worth + paid) / worth
                money = worth + paid
        if rebalance == "each_bar":
            last = dict(row)
        else:
            last.update(row)
        if money is None and date >= index["base_date"]:
            members = [symbol for symbol in symbols if ready(symbol, date)]
            if members:
                money = Fraction(index["base_value"])
                invest(members)
        if money is not None and any(in_force(symbol, date, terms) for symbol in row):
            out.append((date, money))
        previous = date
    return out


def main():
    rows = closes()
    indexes = []
    for return_type in ("price", "total"):
        for method, rebalances in (
            ("equal_weighted", ("each_bar", "never", "monthly", "quarterly", "yearly")),
            ("fixed_weights", ("each_bar", "never", "monthly", "quarterly", "yearly")),
            ("price_weighted", ("never",)),
            ("capitalization_weighted", ("never",)),
            ("rebased", ("never",)),
        ):
            for rebalance in rebalances:
                symbols = ["C"] if method == "rebased" else SYMBOLS
                index = {
                    "method": method,
                    "rebalance": rebalance,
                    "return_type": return_type,
                    "base_value": 100 if return_type == "price" else 1000,
                    "base_date": "2020-11-05" if return_type == "price" else "2020-11-02",
                    "constituents": symbols,
                    "terms": {symbol: TERMS[symbol] for symbol in symbols},
                }
                values = portfolio(rows, index)
                index["terms"] = {
                    symbol: {
                        **({"weight": float(weight)} if method == "fixed_weights" else {}),
                        **({"from": first} if first else {}),
                        **({"to": last} if last else {}),
                    }
                    for symbol, (weight, first, last) in index["terms"].items()
                }
                # Every ninth value and the days around the changes are enough to see a difference.
                index["values"] = {date: float(value) for date, value in values[::9] + values[-1:]}
                index["count"] = len(values)
                indexes.append(index)
    actions = [
        {
            "symbol": symbol,
            "date": date,
            **({"dividend": float(dividend)} if dividend else {}),
            **({"split": float(split)} if split else {}),
            **({"shares": shares} if shares else {}),
        }
        for symbol, date, dividend, split, shares in ACTIONS
    ]
    merged = {}
    for action in actions:
        merged.setdefault((action["symbol"], action["date"]), {}).update(action)
    closes_of = {
        symbol: {date: float(row[symbol]) for date, row in rows.items() if symbol in row} for symbol in SYMBOLS
    }
    path = pathlib.Path(__file__).with_name("indexes.json")
    path.write_text(json.dumps({"closes": closes_of, "actions": list(merged.values()), "indexes": indexes}, indent=1) + "\n")


main()
