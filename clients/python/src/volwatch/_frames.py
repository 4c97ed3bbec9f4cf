"""Data frames of pandas, polars and pyarrow, to and from Arrow. pandas and polars are imported only when used."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, TypeVar

import pyarrow as pa

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl

Frame = TypeVar("Frame", "pd.DataFrame", "pl.DataFrame", pa.Table)
"""The kind of frame that goes in comes out."""

FrameKind = Literal["pandas", "polars", "arrow"]


def _library_of(frame: object) -> str:
    for base in type(frame).__mro__:
        library = base.__module__.partition(".")[0]
        if library in ("pandas", "polars", "pyarrow"):
            return library
    return ""


def kind_of(frame: object) -> FrameKind:
    library = _library_of(frame)
    return "pandas" if library == "pandas" else "polars" if library == "polars" else "arrow"


def to_table(frame: object) -> pa.Table:
    """The columns of a frame. The index of pandas is not a column; `reset_index()` makes it one."""
    library, name = _library_of(frame), type(frame).__name__
    if library == "pandas" and hasattr(frame, "columns"):
        return pa.Table.from_pandas(frame, preserve_index=False).replace_schema_metadata(None)  # type: ignore[arg-type]
    if library == "polars" and name == "LazyFrame":
        raise TypeError("a LazyFrame has no rows yet: call collect() first")
    if library == "polars" and hasattr(frame, "to_arrow") and hasattr(frame, "columns"):
        return frame.to_arrow()  # type: ignore[no-any-return]
    if isinstance(frame, pa.Table):
        return frame.replace_schema_metadata(None)
    raise TypeError(f"a data frame of pandas or polars or a pyarrow.Table is needed, not {name}")


def with_columns(frame: Any, answer: pa.Table) -> Any:
    """A copy of the frame with the columns of the answer, which replace those of the same name."""
    library = _library_of(frame)
    if library == "pandas":
        added = answer.to_pandas()
        return frame.assign(**{str(name): added[name].array for name in added.columns})
    if library == "polars":
        import polars as pl

        added_columns = pl.from_arrow(answer)
        assert isinstance(added_columns, pl.DataFrame)  # noqa: S101
        return frame.with_columns(added_columns.get_columns())
    for name in answer.column_names:
        position = frame.column_names.index(name) if name in frame.column_names else -1
        column = answer.column(name)
        frame = frame.append_column(name, column) if position < 0 else frame.set_column(position, name, column)
    return frame


def from_table(table: pa.Table, kind: FrameKind) -> Any:
    """A new frame of the given kind. Dates are `datetime64` in pandas and `Date` in polars."""
    if kind == "pandas":
        return table.to_pandas(date_as_object=False)
    if kind == "polars":
        import polars as pl

        return pl.from_arrow(table)
    if kind == "arrow":
        return table
    raise ValueError(f'frame must be "pandas", "polars" or "arrow", not {kind!r}')


def stream_of(table: pa.Table, metadata: dict[str, str]) -> bytes:
    """The table as an Arrow IPC stream without compression, in one message for each table."""
    whole = table.unify_dictionaries().combine_chunks().replace_schema_metadata(metadata)
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, whole.schema) as writer:
        writer.write_table(whole)
    return sink.getvalue().to_pybytes()


def read_stream(content: bytes) -> pa.Table:
    """The table of an Arrow IPC stream, with the metadata of its schema."""
    return pa.ipc.open_stream(content).read_all()
