"""Sizes and times of the batch formats, for docs/formats.md. `npm run bench:formats` starts a service and runs it."""

from __future__ import annotations

import json
import re
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import httpx
import numpy as np
import pandas as pd
import pyarrow as pa

from volwatch import Client

ARROW = "application/vnd.apache.arrow.stream"
BATCH = "/api/v1/pricing/batch"
COUNTS = (100, 10_000, 100_000)


def frame_of(count: int) -> pd.DataFrame:
    random = np.random.default_rng(7)
    return pd.DataFrame(
        {
            "spot": random.uniform(90, 110, count),
            "strike": random.uniform(80, 120, count),
            "time_to_expiry": random.uniform(0.1, 2, count),
            "rate": random.uniform(0, 0.05, count),
            "volatility": random.uniform(0.1, 0.5, count),
            "option_type": random.choice(["call", "put"], count),
        }
    )


def arrow_bytes(frame: pd.DataFrame) -> bytes:
    table = pa.Table.from_pandas(frame, preserve_index=False)
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue().to_pybytes()


@dataclass(frozen=True)
class Sample:
    sent: int
    received: int
    service_ms: float
    """Time in the service, of the header Server-Timing."""


def post(http: httpx.Client, body: bytes, kind: str) -> tuple[bytes, Sample]:
    answer = http.post(BATCH, content=body, headers={"content-type": kind, "accept": kind}).raise_for_status()
    total = re.search(r"total;dur=([\d.]+)", answer.headers["server-timing"])
    assert total is not None
    return answer.content, Sample(len(body), len(answer.content), float(total.group(1)))


def rows(http: httpx.Client, frame: pd.DataFrame) -> Sample:
    content, sample = post(http, json.dumps({"options": frame.to_dict("records")}).encode(), "application/json")
    assert len(pd.DataFrame(json.loads(content)["results"])["price"]) == len(frame)
    return sample


def columns(http: httpx.Client, frame: pd.DataFrame) -> Sample:
    content, sample = post(http, json.dumps({"columns": frame.to_dict("list")}).encode(), "application/json")
    assert len(pd.Series(json.loads(content)["columns"]["price"])) == len(frame)
    return sample


def arrow(http: httpx.Client, frame: pd.DataFrame) -> Sample:
    content, sample = post(http, arrow_bytes(frame), ARROW)
    assert len(pa.ipc.open_stream(content).read_all().to_pandas()["price"]) == len(frame)
    return sample


Send = Callable[[httpx.Client, pd.DataFrame], Sample]
FORMATS: dict[str, Send] = {"rows": rows, "columns": columns, "Arrow": arrow}


def median_ms(work: Callable[[], object], repeats: int) -> float:
    times = []
    for _ in range(repeats):
        started = time.perf_counter()
        work()
        times.append((time.perf_counter() - started) * 1000)
    return statistics.median(times)


def add_sample(send: Send, http: httpx.Client, frame: pd.DataFrame, samples: list[Sample]) -> None:
    samples.append(send(http, frame))


def main() -> None:
    out = sys.stdout
    out.write("| rows | format | request | answer | call | of it in the service | call per row |\n")
    out.write("| --- | --- | --- | --- | --- | --- | --- |\n")
    with Client(timeout_s=120) as client:
        http = client._http
        for count in COUNTS:
            frame = frame_of(count)
            repeats = 21 if count <= 10_000 else 7
            for name, send in FORMATS.items():
                samples = [send(http, frame)]
                time_ms = median_ms(partial(add_sample, send, http, frame, samples), repeats)
                service_ms = statistics.median(sample.service_ms for sample in samples[1:])
                sizes = f"{samples[0].sent / 1000:,.1f} kB | {samples[0].received / 1000:,.1f} kB"
                per_row = f"{time_ms * 1000 / count:.2f} µs"
                out.write(f"| {count:,} | {name} | {sizes} | {time_ms:,.1f} ms | {service_ms:,.1f} ms | {per_row} |\n")
            time_ms = median_ms(partial(client.price, frame), repeats)
            out.write(
                f"| {count:,} | `client.price` | as Arrow | | {time_ms:,.1f} ms | | {time_ms * 1000 / count:.2f} µs |\n"
            )


if __name__ == "__main__":
    main()
