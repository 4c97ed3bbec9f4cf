"""Frames above 100,000 rows: pricing jobs with a credential, several requests without one."""

from __future__ import annotations

import numpy as np
import pandas as pd
import polars as pl
import pytest

from conftest import Recorder
from volwatch import Client, ValidationError

COUNT = 230_001


def frame_of(count: int) -> pd.DataFrame:
    rows = np.arange(count)
    return pd.DataFrame(
        {
            "spot": 100.0,
            "strike": 80.0 + rows % 40,
            "time_to_expiry": 0.1 + rows / count,
            "rate": 0.03,
            "volatility": 0.2,
            "option_type": np.where(rows % 2 == 0, "call", "put"),
        }
    )


def test_a_job_gives_the_prices_in_the_order_of_the_rows(recorder: Recorder) -> None:
    frame = frame_of(COUNT)
    frame.loc[150_000, "strike"] = -1.0
    with Client(transport=recorder) as client:
        priced = client.price(frame)
        tail = client.price(frame.tail(1000))
    assert len(priced) == COUNT
    assert priced["price"].tail(1000).to_list() == tail["price"].to_list()
    assert priced["error_code"].notna().sum() == 1
    assert priced["error_field"].iloc[150_000] == "strike"
    chunks = [path for path in recorder.paths if path.startswith("PUT")]
    assert len(chunks) == 3
    assert recorder.paths[-2].startswith("DELETE /api/v1/pricing/jobs/"), "the data of the job are removed"


def test_a_polars_frame_above_the_limit(client: Client) -> None:
    frame = pl.from_pandas(frame_of(COUNT))
    assert client.price(frame)["price"].null_count() == 0


def test_without_a_credential_there_are_several_requests(anonymous: Client, client: Client) -> None:
    frame = frame_of(COUNT)
    assert anonymous.price(frame)["price"].equals(client.price(frame)["price"])


def test_a_mistake_of_all_rows_is_refused_before_a_job_is_opened(recorder: Recorder) -> None:
    with Client(transport=recorder) as client, pytest.raises(ValidationError, match='"colour" is not an input'):
        client.price(frame_of(COUNT), colour="red")
    assert not any("jobs" in path for path in recorder.paths)


# The service estimates 3 ms for each option of this Heston model, whose calculation takes microseconds.
def price_slowly(client: Client, frame: pd.DataFrame) -> pd.DataFrame:
    parameters = {"v0": 0.04, "kappa": 2000.0, "theta": 0.04, "sigma": 0.3, "rho": -0.7}
    return client.price(frame.assign(**parameters), ignore=["volatility"], model="heston")


def test_rows_that_take_too_long_for_a_request_are_sent_in_halves(recorder: Recorder) -> None:
    frame = frame_of(12_000)
    with Client(transport=recorder) as client:
        priced = price_slowly(client, frame)
        tail = price_slowly(client, frame.tail(10))
    statuses = [answer.status_code for answer in recorder.answers if "batch" in str(answer.request.url)]
    assert statuses == [422, 200, 200, 200]
    assert priced["price"].notna().all()
    assert priced["price"].tail(10).to_list() == tail["price"].to_list()


def test_chunks_that_take_too_long_are_sent_in_halves(recorder: Recorder) -> None:
    frame = frame_of(110_000)
    with Client(transport=recorder) as client:
        priced = price_slowly(client, frame)
        tail = price_slowly(client, frame.tail(10))
    jobs = recorder.paths.count("POST /api/v1/pricing/jobs")
    assert jobs == 4, "100,000, 50,000, 25,000 and 12,500 rows for each chunk"
    assert priced["price"].notna().all()
    assert priced["price"].tail(10).to_list() == tail["price"].to_list()


def test_a_job_whose_service_fails_is_removed(recorder: Recorder) -> None:
    class Stop(BaseException):
        pass

    with Client(transport=recorder) as client:
        original = recorder.handle_request

        def stop_at_submit(request: object) -> object:
            if str(getattr(request, "url", "")).endswith("/submit"):
                raise Stop
            return original(request)  # type: ignore[arg-type]

        recorder.handle_request = stop_at_submit  # type: ignore[method-assign,assignment]
        with pytest.raises(Stop):
            client.price(frame_of(COUNT))
    assert recorder.paths[-1].startswith("DELETE /api/v1/pricing/jobs/"), "an interruption removes the job"
