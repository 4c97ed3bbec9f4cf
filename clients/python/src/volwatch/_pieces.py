"""Which rows go into one request: the service limits the rows, the dividends and the bytes of a stream."""

from __future__ import annotations

import pyarrow as pa

MAX_ROWS = 100_000
MAX_DIVIDENDS = 1_000_000
"""Max dividends of all rows of a stream."""

Piece = tuple[int, int]
"""First row and number of rows."""


def dividends_of(rows: pa.Table) -> int:
    """The dividends in the column of lists. Those of null cells count, because they can be part of the stream."""
    if "dividends" not in rows.column_names:
        return 0
    column = rows.column("dividends")
    # Columns of other types are refused by the service, with its message.
    if not (pa.types.is_list(column.type) or pa.types.is_large_list(column.type)):
        return 0
    offsets = [chunk.offsets for chunk in column.chunks if len(chunk) > 0]  # type: ignore[attr-defined]
    return sum(each[-1].as_py() - each[0].as_py() for each in offsets)


def pieces_of(rows: pa.Table, *, max_rows: int, max_bytes: int) -> list[Piece]:
    """The rows in pieces that keep the limits. A piece that is too large is halved; one row is never divided."""
    # Dictionaries are part of each request, and smaller pieces do not make them smaller.
    shared_bytes = rows.slice(0, 0).nbytes

    def fits(piece: pa.Table) -> bool:
        return dividends_of(piece) <= MAX_DIVIDENDS and piece.nbytes - shared_bytes <= max_bytes

    def halves(start: int, count: int) -> list[Piece]:
        if count < 2 or fits(rows.slice(start, count)):
            return [(start, count)]
        half = count // 2
        return halves(start, half) + halves(start + half, count - half)

    total = rows.num_rows
    return [piece for start in range(0, total, max_rows) for piece in halves(start, min(max_rows, total - start))]
