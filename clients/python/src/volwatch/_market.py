"""Market data and refreshes."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal
from urllib.parse import quote
from uuid import uuid4

import pyarrow as pa

from ._errors import RefreshTimeoutError, error_of_refresh
from ._flow import Call, Flow, Wait
from ._frames import read_stream, stream_of, to_table
from ._session import ARROW, PREFIX, Session

_PAGE = "1000"
# Below REQUEST_DEADLINE_MS of the service (30 s by default).
_MAX_PREFER_WAIT_S = 20
_MAX_POLL_S = 2.0

# The service keeps one batch in memory and refuses a large one.
_UPLOAD_BATCH_ROWS = 100_000

UploadMode = Literal["merge", "replace"]
OnRefusedRow = Literal["fail", "skip"]


@dataclass(frozen=True)
class Refresh:
    """The record of a refresh. Counts are rows written."""

    id: str
    universe: str
    status: str
    reason: str | None
    started_at: str
    finished_at: str | None
    assets: int
    prices: int
    index_values: int
    source: str | None
    trace_id: str | None
    document: Mapping[str, Any]
    """The whole record, also members that this version of the client does not know."""

    @staticmethod
    def of(document: Mapping[str, Any]) -> Refresh:
        known: dict[str, Any] = {name: document.get(name) for name in Refresh.__dataclass_fields__}
        return Refresh(**{**known, "document": document})


def prices(session: Session, symbol: str, start: date | str | None, end: date | str | None) -> Flow[pa.Table]:
    return (yield from _all_tables(session, f"/assets/{quote(symbol, safe='')}/prices", _range(start, end)))


def index_values(session: Session, code: str, start: date | str | None, end: date | str | None) -> Flow[pa.Table]:
    return (yield from _all_tables(session, f"/indexes/{quote(code, safe='')}/values", _range(start, end)))


def listed(session: Session, path: str) -> Flow[pa.Table]:
    """All items of a list of records, for example of `/assets`."""
    return pa.Table.from_pylist((yield from _all_items(session, path, {})))


def refresh(session: Session, universe: str, timeout_s: float) -> Flow[Refresh]:
    """Starts a refresh and waits until it ended. A failed one raises the error of its cause."""
    ends_at = time.monotonic() + timeout_s
    record = Refresh.of((yield from session.create("/refreshes", {"universe": universe}, _prefer(timeout_s))))
    return (yield from _ended(session, record, ends_at, timeout_s))


def upload_prices(
    session: Session,
    universe: str,
    frame: object,
    *,
    mode: UploadMode,
    on_error: OnRefusedRow,
    adjusted: bool | None,
    timeout_s: float,
) -> Flow[Refresh]:
    """Uploads a frame and waits until it is stored. A refused one raises an error with its rows."""
    ends_at = time.monotonic() + timeout_s
    params: dict[str, str] = {"mode": mode, "on_error": on_error}
    if adjusted is not None:
        params["adjusted"] = "true" if adjusted else "false"
    call = Call(
        "POST",
        f"{PREFIX}/universes/{quote(universe, safe='')}/prices",
        headers={"content-type": ARROW, "idempotency-key": str(uuid4()), **_prefer(timeout_s)},
        params=params,
        content=stream_of(to_table(frame), {}, max_rows=_UPLOAD_BATCH_ROWS),
        repeatable=True,
    )
    answer = yield from session.send(call)
    return (yield from _ended(session, Refresh.of(answer.json()), ends_at, timeout_s))


def _prefer(timeout_s: float) -> dict[str, str]:
    return {"prefer": f"wait={max(0, min(_MAX_PREFER_WAIT_S, int(timeout_s)))}"}


def _ended(session: Session, record: Refresh, ends_at: float, timeout_s: float) -> Flow[Refresh]:
    poll_s = 0.2
    while record.status == "running":
        if time.monotonic() > ends_at:
            raise RefreshTimeoutError(record.id, timeout_s)
        yield Wait(poll_s)
        poll_s = min(_MAX_POLL_S, poll_s * 1.5)
        record = yield from refresh_record(session, record.id)
    error = error_of_refresh(record.document)
    if error is not None:
        raise error
    return record


def refresh_record(session: Session, refresh_id: str) -> Flow[Refresh]:
    return Refresh.of((yield from session.json("GET", f"/refreshes/{quote(refresh_id, safe='')}")))


def refreshes(session: Session, limit: int) -> Flow[list[Refresh]]:
    """The newest refreshes first."""
    page = yield from session.json("GET", "/refreshes", params={"limit": str(limit)})
    return [Refresh.of(item) for item in page["data"]]


def _range(start: date | str | None, end: date | str | None) -> dict[str, str]:
    given = {"from": start, "to": end}
    return {name: str(value) for name, value in given.items() if value is not None}


def _all_items(session: Session, path: str, params: Mapping[str, str]) -> Flow[list[dict[str, Any]]]:
    items: list[dict[str, Any]] = []
    query = {**params, "limit": _PAGE}
    while True:
        page = yield from session.json("GET", path, params=query)
        items += page["data"]
        cursor = page["page"]["next_cursor"]
        if cursor is None:
            return items
        query["cursor"] = cursor


def _all_tables(session: Session, path: str, params: Mapping[str, str]) -> Flow[pa.Table]:
    """All pages of a list of rows, as Arrow."""
    tables: list[pa.Table] = []
    query = {**params, "limit": _PAGE}
    accept = {"accept": f"{ARROW}, application/problem+json"}
    while True:
        answer = yield from session.send(Call("GET", PREFIX + path, headers=accept, params=query, repeatable=True))
        tables.append(read_stream(answer.content))
        cursor = answer.headers.get("x-next-cursor")
        if cursor is None:
            return pa.concat_tables(tables)
        query = {**query, "cursor": cursor}
