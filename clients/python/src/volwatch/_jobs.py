"""Pricing jobs: rows beyond the limit of one request, in chunks that the service prices in the background."""

from __future__ import annotations

from collections import deque
from contextlib import suppress

import pyarrow as pa

from ._errors import NotFoundError, ProblemError, VolwatchError
from ._flow import Call, Flow, Wait
from ._frames import read_stream, stream_of
from ._pieces import MAX_ROWS, Piece, pieces_of
from ._session import ARROW, PREFIX, Session

# Below PRICING_JOB_CHUNK_BYTES (16 MiB by default), with a margin for the schema and dictionaries.
_MAX_CHUNK_BYTES = 12 * 1024 * 1024
_MAX_CHUNKS = 100
_FIRST_POLL_S = 0.1
_MAX_POLL_S = 2.0


def price_in_jobs(session: Session, rows: pa.Table, metadata: dict[str, str]) -> Flow[list[pa.Table]]:
    """The answers in the order of the rows. A chunk whose calculation takes too long is sent again in two halves."""
    waiting = deque(pieces_of(rows, max_rows=MAX_ROWS, max_bytes=_MAX_CHUNK_BYTES))
    answers: dict[int, pa.Table] = {}
    while waiting:
        pieces = [waiting.popleft() for _ in range(min(_MAX_CHUNKS, len(waiting)))]
        for (start, count), answer in (yield from _run_job(session, rows, metadata, pieces)):
            if answer is not None:
                answers[start] = answer
            else:
                half = count // 2
                waiting += [(start, half), (start + half, count - half)]
    return [answers[start] for start in sorted(answers)]


def _run_job(
    session: Session, rows: pa.Table, metadata: dict[str, str], pieces: list[Piece]
) -> Flow[list[tuple[Piece, pa.Table | None]]]:
    """One job with a chunk for each piece. Its data are removed at the end, also after an error or an interruption."""
    job = f"/pricing/jobs/{(yield from session.create('/pricing/jobs', {}))['id']}"
    try:
        for number, (start, count) in enumerate(pieces, start=1):
            chunk = stream_of(rows.slice(start, count), metadata)
            yield from session.send(
                Call(
                    "PUT",
                    f"{PREFIX}{job}/chunks/{number}",
                    headers={"content-type": ARROW},
                    content=chunk,
                    repeatable=True,
                )
            )
        yield from session.json("POST", f"{job}/submit", repeatable=True)
        yield from _until_completed(session, job)
        results: list[tuple[Piece, pa.Table | None]] = []
        for number, piece in enumerate(pieces, start=1):
            results.append((piece, (yield from _result(session, f"{PREFIX}{job}/chunks/{number}", piece))))
    except BaseException:
        with suppress(VolwatchError):
            yield from session.json("DELETE", job, repeatable=False)
        raise
    # The second of two deletions, when the first answer was lost, finds no job.
    with suppress(NotFoundError):
        yield from session.json("DELETE", job)
    return results


def _until_completed(session: Session, job: str) -> Flow[None]:
    poll_s = _FIRST_POLL_S
    while (yield from session.json("GET", job))["status"] != "completed":
        yield Wait(poll_s)
        poll_s = min(_MAX_POLL_S, poll_s * 1.5)


def _result(session: Session, path: str, piece: Piece) -> Flow[pa.Table | None]:
    """The answer of a chunk; None if its calculation takes too long for one chunk."""
    try:
        answer = yield from session.send(
            Call("GET", path, headers={"accept": f"{ARROW}, application/problem+json"}, repeatable=True)
        )
    except ProblemError as error:
        if error.code == "pricing_work_too_large" and piece[1] > 1:
            return None
        raise
    return read_stream(answer.content)
