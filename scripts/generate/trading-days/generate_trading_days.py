"""Writes trading-days.json: the weekdays on which exchanges are closed.

    pip install -r scripts/generate/trading-days/requirements.txt
    python3 scripts/generate/trading-days/generate_trading_days.py

The days come from exchange_calendars and pandas_market_calendars, whose calendars of New York, London, Tokyo, Toronto,
Zurich, Hong Kong and Sydney have another source. An exchange counts as closed on a day if one of them says so, because a
bar that is wrongly expected would be reported as missing. The differences are printed, so that a reviewer sees them;
PROVENANCE.md lists them.
"""

import datetime
import json
import pathlib
import warnings

import exchange_calendars
import pandas_market_calendars

FIRST_YEAR, LAST_YEAR = 2000, 2028
# Market identifier code of ISO 10383: the name of the calendar of pandas_market_calendars.
EXCHANGES = {
    "XNYS": "NYSE",
    "XNAS": "NASDAQ",
    "XTSE": "TSX",
    "XLON": "LSE",
    "XETR": "XETR",
    "XPAR": "XPAR",
    "XAMS": "XAMS",
    "XSWX": "SIX",
    "XTKS": "JPX",
    "XHKG": "HKEX",
    "XASX": "ASX",
}
TARGET = pathlib.Path(__file__).parents[3] / "src/kernel/trading-days/trading-days.json"


def weekdays():
    day = datetime.date(FIRST_YEAR, 1, 1)
    while day.year <= LAST_YEAR:
        if day.weekday() < 5:
            yield day
        day += datetime.timedelta(days=1)


def sessions_of(code):
    first, last = f"{FIRST_YEAR}-01-01", f"{LAST_YEAR}-12-31"
    calendar = exchange_calendars.get_calendar(code, start=first, end=last)
    return calendar, {session.date() for session in calendar.sessions}


def main():
    warnings.simplefilter("ignore")
    exchanges = {}
    for code, other in EXCHANGES.items():
        calendar, sessions = sessions_of(code)
        on_weekends = [day for day in sessions if day.weekday() > 4]
        if on_weekends:
            raise SystemExit(f"{code} has sessions on weekends, which the format cannot express: {on_weekends}")
        days = pandas_market_calendars.get_calendar(other).valid_days(f"{FIRST_YEAR}-01-01", f"{LAST_YEAR}-12-31")
        compared = {day.date() for day in days}
        for day in sorted(sessions ^ compared):
            print(code, day, "open" if day in sessions else "closed", "in exchange_calendars only")
        sessions &= compared
        closed = {}
        for day in weekdays():
            if day not in sessions:
                closed.setdefault(str(day.year), []).append(f"{day:%m-%d}")
        exchanges[code] = {
            "time_zone": str(calendar.tz),
            "closed_weekdays": {year: " ".join(days) for year, days in closed.items()},
        }
    content = {"first_year": FIRST_YEAR, "last_year": LAST_YEAR, "exchanges": exchanges}
    TARGET.write_text(json.dumps(content, indent=2) + "\n")


if __name__ == "__main__":
    main()
