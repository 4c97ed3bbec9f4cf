"""Grids: the rows of a frame are positions, the answer is a frame of their values at each node."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from ._flow import Call, Flow
from ._frames import FrameKind, from_table, kind_of, read_stream, to_table
from ._session import ARROW, PREFIX, Session


def grid_frame(
    session: Session, positions: object, axes: Mapping[str, Sequence[float]], settings: Mapping[str, Any]
) -> Flow[Any]:
    """The rows of the answer in a frame of the same kind. In the rows of totals the column position is null."""
    table = to_table(positions)
    kind: FrameKind = kind_of(positions)
    body = {
        "positions": [_position_of(row) for row in table.to_pylist()],
        **{name: list(values) for name, values in axes.items() if len(values) > 0},
        **settings,
    }
    call = Call(
        "POST",
        f"{PREFIX}/pricing/grid",
        headers={"content-type": "application/json", "accept": f"{ARROW}, application/problem+json"},
        content=json.dumps(body, default=_text_of, allow_nan=False).encode(),
        repeatable=True,
    )
    answer = yield from session.send(call)
    result: pa.Table = read_stream(answer.content)
    return from_table(result, kind)


def _position_of(row: Mapping[str, Any]) -> dict[str, Any]:
    """A null cell means that the position does not have that input, also in the objects of a list."""
    return {name: _complete(value) for name, value in row.items() if value is not None}


def _complete(value: Any) -> Any:
    if not isinstance(value, list):
        return value
    return [_position_of(item) if isinstance(item, Mapping) else item for item in value]


def _text_of(value: Any) -> Any:
    """Decimals are numbers; dates and times are texts. A time without a zone is one in UTC, and a date at 00:00."""
    if hasattr(value, "isoformat"):
        text: str = value.isoformat()
        day, separator, time = text.partition("T")
        if separator == "" or value.tzinfo is not None:
            return text
        return day if time == "00:00:00" else f"{text}Z"
    return float(value)
