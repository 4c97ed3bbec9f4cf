"""Pricing of data frames: a frame becomes an Arrow stream, its answer becomes columns of the frame."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from numbers import Real
from typing import Any, Literal, TypeGuard

import pyarrow as pa

from ._errors import ProblemError, RowsFailedError
from ._flow import Call, Flow
from ._frames import Frame, read_stream, stream_of, to_table, with_columns
from ._jobs import price_in_jobs
from ._pieces import MAX_ROWS, pieces_of
from ._session import ARROW, PREFIX, Session

OnError = Literal["columns", "raise"]
Units = Literal["default", "market"]
Dividends = Sequence[Mapping[str, float | str | date]]
"""Objects with `amount`, and `time` in years or `date`."""
Input = float | str | date | Dividends
"""A value for all rows."""

# Below BATCH_BODY_LIMIT_BYTES (64 MiB by default), with a margin for the schema and dictionaries.
_MAX_REQUEST_BYTES = 48 * 1024 * 1024
# Even with the max of dividends in each row (1,000), these rows fit in one request.
_MAX_MODEL_ROWS = 1_000
OUTPUTS = frozenset(
    {"price", "implied_volatility", "delta", "gamma", "vega", "theta", "rho", "dividend_rho", "vanna", "volga"}
    | {"charm", "veta", "speed", "zomma", "color", "ultima", "dual_delta", "dual_gamma"}
)
ERROR_COLUMNS = ("error_code", "error_field", "error_detail")
# Parameters of the Heston model that have the names of greeks.
_HESTON_NAMES = frozenset({"theta", "rho"})


class UnitWarning(UserWarning):
    """Values are valid and probably in another unit, for example a volatility in percent."""


@dataclass(frozen=True)
class Pricing:
    """What is calculated. `ignore` names columns of the frame that are not sent."""

    outputs: tuple[str, ...]
    inputs: Mapping[str, Input]
    ignore: frozenset[str]
    strict_units: bool
    prefix: str
    on_error: OnError
    units: Units
    preset: str | None

    @property
    def metadata(self) -> dict[str, str]:
        strict = {"volwatch.strict_units": "true"} if self.strict_units else {}
        units = {"volwatch.units": self.units} if self.units != "default" else {}
        preset = {"volwatch.preset": self.preset} if self.preset is not None else {}
        return {"volwatch.outputs": ",".join(self.outputs), **units, **strict, **preset}


def pricing_of(
    outputs: Iterable[str],
    inputs: Mapping[str, Input],
    ignore: Sequence[str],
    *,
    strict_units: bool,
    prefix: str,
    on_error: OnError,
    units: Units = "default",
) -> Pricing:
    if isinstance(ignore, str):
        raise TypeError("ignore must be a list of column names")
    if isinstance(outputs, str):
        raise TypeError(f'outputs must be a list of names: ["{outputs}"]')
    if on_error not in ("columns", "raise"):
        raise ValueError(f'on_error must be "columns" or "raise", not {on_error!r}')
    # A preset is a setting of the request and no input of a row.
    rows = {name: value for name, value in inputs.items() if name != "preset"}
    preset = inputs.get("preset")
    if preset is not None and not isinstance(preset, str):
        raise TypeError("preset must be the name of a preset")
    return Pricing(tuple(outputs), rows, frozenset(ignore), strict_units, prefix, on_error, units, preset)


def price_frame(session: Session, frame: Frame, pricing: Pricing) -> Flow[Frame]:
    """The frame with the outputs and the error columns. Other columns and the index stay as they are."""
    rows = _rows_to_send(to_table(frame), pricing)
    names = [*pricing.outputs, *ERROR_COLUMNS]
    hidden = [name for name in pricing.outputs if pricing.prefix + name in rows.column_names]
    if hidden:
        raise ValueError(
            f'{hidden[0]} is an input and an output of this frame: pass prefix="out_" to name the outputs differently'
        )
    answer = (yield from _price_rows(session, rows, pricing)) if rows.num_rows > 0 else _no_rows(names)
    answer = answer.select(names).rename_columns([pricing.prefix + name for name in names])
    if pricing.on_error == "raise":
        _raise_failures(answer, pricing.prefix)
        answer = answer.select([pricing.prefix + name for name in pricing.outputs])
    result: Frame = with_columns(frame, answer)
    return result


def _rows_to_send(table: pa.Table, pricing: Pricing) -> pa.Table:
    """The input columns: without earlier outputs and the id, with a column for each constant."""
    names: Iterable[str] = table.column_names
    has_heston = "v0" in table.column_names or "v0" in pricing.inputs
    earlier = OUTPUTS - (_HESTON_NAMES if has_heston else frozenset())
    if "implied_volatility" in pricing.outputs:
        earlier -= {"price"}
    # An earlier output can be given again as an input of the same name: price for the implied volatility.
    dropped = (earlier | {"id", *ERROR_COLUMNS} | pricing.ignore) - pricing.inputs.keys()
    kept = [name for name in names if name not in dropped]
    twice = [name for name in kept if name in pricing.inputs]
    if twice:
        raise ValueError(f"{twice[0]} is a column of the frame and an argument: drop one of them, or add it to ignore")
    rows = table.select(kept)
    for name, value in pricing.inputs.items():
        rows = rows.append_column(name, _constant(name, value, table.num_rows))
    return rows


def _require_zone(name: str, value: object) -> None:
    if isinstance(value, datetime) and value.tzinfo is None:
        raise TypeError(f"{name} must have a time zone, or be a date")


def _is_dividends(value: object) -> TypeGuard[Sequence[Mapping[str, Any]]]:
    if not isinstance(value, Sequence) or isinstance(value, bytes):
        return False
    return all(isinstance(item, Mapping) for item in value)


def _constant(name: str, value: Input, rows: int) -> pa.Array[Any]:
    """A column of one value. A text, date or time is written once, as a dictionary."""
    _require_zone(name, value)
    if isinstance(value, date):
        value = value.isoformat()
    if isinstance(value, str):
        return pa.DictionaryArray.from_arrays(pa.array([0] * rows, pa.int32()), pa.array([value]))
    if _is_dividends(value):
        for item in value:
            _require_zone(f"date of {name}", item.get("date"))
        lists: list[Any] = [[dict(item) for item in value]]
        repeated: pa.Array[Any] = pa.array(lists).take(pa.array([0] * rows, pa.int64()))
        return repeated
    # Also the numbers of numpy, which are no subclasses of int.
    if isinstance(value, bool) or not isinstance(value, Real):
        raise TypeError(f"{name} must be a number, a text or a list of dividends, not {type(value).__name__}")
    return pa.nulls(rows, pa.float64()).fill_null(float(value))


def _no_rows(names: Sequence[str]) -> pa.Table:
    kinds = {name: pa.utf8() if name in ERROR_COLUMNS else pa.float64() for name in names}
    return pa.table({name: pa.array([], kind) for name, kind in kinds.items()})


def _price_rows(session: Session, rows: pa.Table, pricing: Pricing) -> Flow[pa.Table]:
    """Rows above the limits of a request go into a pricing job, or without a credential into several requests."""
    pieces = pieces_of(rows, max_rows=MAX_ROWS, max_bytes=_MAX_REQUEST_BYTES)
    if len(pieces) == 1:
        answers = yield from _price_batch(session, rows, pricing)
    elif session.credentials.present:
        # A mistake of all rows is refused here, with its message, before megabytes are sent.
        yield from _price_batch(session, _row_of_each_model(rows), pricing)
        answers = yield from price_in_jobs(session, rows, pricing.metadata)
    else:
        answers = []
        for start, count in pieces:
            answers += yield from _price_batch(session, rows.slice(start, count), pricing)
    _warn(answers)
    return pa.concat_tables([answer.replace_schema_metadata(None) for answer in answers])


def _row_of_each_model(rows: pa.Table) -> pa.Table:
    if "model" not in rows.column_names:
        return rows.slice(0, 1)
    models = rows.column("model").to_pylist()
    return rows.take(
        sorted({model: index for index, model in reversed(list(enumerate(models)))}.values())[:_MAX_MODEL_ROWS]
    )


def _price_batch(session: Session, rows: pa.Table, pricing: Pricing) -> Flow[list[pa.Table]]:
    """One request; two with half the rows each where the service says that the calculation takes too long."""
    call = Call(
        "POST",
        f"{PREFIX}/pricing/batch",
        headers={"content-type": ARROW, "accept": f"{ARROW}, application/problem+json"},
        content=stream_of(rows, pricing.metadata),
        repeatable=True,
    )
    try:
        answer = yield from session.send(call)
    except ProblemError as error:
        if error.code != "pricing_work_too_large" or rows.num_rows < 2:
            raise
        half = rows.num_rows // 2
        first = yield from _price_batch(session, rows.slice(0, half), pricing)
        return first + (yield from _price_batch(session, rows.slice(half), pricing))
    return [read_stream(answer.content)]


def _warn(answers: Iterable[pa.Table]) -> None:
    texts: dict[str, None] = {}
    for answer in answers:
        found = (answer.schema.metadata or {}).get(b"volwatch.warnings")
        for warning in json.loads(found) if found else ():
            texts[str(warning.get("detail", warning))] = None
    for text in texts:
        warnings.warn(text, UnitWarning, stacklevel=2)


def _raise_failures(answer: pa.Table, prefix: str) -> None:
    code = prefix + "error_code"
    rows = pa.array(range(answer.num_rows), pa.int64())
    table = answer.select([prefix + name for name in ERROR_COLUMNS]).rename_columns(list(ERROR_COLUMNS))
    failures = table.add_column(0, "row", rows).filter(answer.column(code).is_valid())
    if failures.num_rows == 0:
        return
    first = failures.slice(0, 1).to_pylist()[0]
    raise RowsFailedError(
        f"{failures.num_rows} of {answer.num_rows} rows failed; the first is row {first['row']}: "
        f"{first['error_detail']} ({first['error_code']})",
        failures,
    )
