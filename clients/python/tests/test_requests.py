"""Credentials, retries, errors and trace context, against the real service."""

from __future__ import annotations

import os
import pickle
import time

import httpx
import pandas as pd
import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider

from conftest import FaultOf, Recorder
from volwatch import (
    AuthenticationError,
    AuthorizationError,
    Client,
    ConnectionFailedError,
    NotFoundError,
    OverloadError,
    ProblemError,
    RateLimitError,
    Retries,
    UnexpectedAnswerError,
    ValidationError,
)
from volwatch._setup import ClientOptions

OPTION = {"spot": 100, "strike": 105, "time_to_expiry": 0.5, "rate": 0.03, "volatility": 0.2, "option_type": "call"}
FRAME = pd.DataFrame([OPTION])


def test_a_client_fetches_one_token_and_uses_it(recorder: Recorder) -> None:
    with Client(transport=recorder) as client:
        me = client.request("GET", "/auth/me")
        client.request("GET", "/auth/me")
    assert me["kind"] == "client"
    assert me["subject"] == os.environ["VOLWATCH_CLIENT_ID"]
    assert recorder.paths == ["POST /api/v1/auth/token", "GET /api/v1/auth/me", "GET /api/v1/auth/me"]


def test_a_token_that_ended_early_is_renewed_once(recorder: Recorder) -> None:
    with Client(transport=recorder) as client:
        client.request("GET", "/auth/me")
        client.request("POST", "/auth/logout")
        assert client.request("GET", "/auth/me")["kind"] == "client"
    assert recorder.paths.count("POST /api/v1/auth/token") == 2
    assert [answer.status_code for answer in recorder.answers][-3:] == [401, 200, 200]


def test_an_api_key_and_a_token_are_accepted(client: Client, url: str) -> None:
    created = client.request("POST", "/api-keys", json={"name": "tests", "scopes": ["ml:read"]})
    with Client(url, api_key=created["key"]) as by_key:
        assert by_key.request("GET", "/auth/me")["kind"] == "api_key"
        assert by_key.price(FRAME)["price"].notna().all()
        with pytest.raises(AuthorizationError) as missing:
            by_key.refresh("tech5")
        assert missing.value.code == "scope_insufficient"
    client.request("DELETE", f"/api-keys/{created['id']}")
    with Client(url, api_key=created["key"]) as ended, pytest.raises(AuthenticationError) as gone:
        ended.request("GET", "/auth/me")
    assert gone.value.code == "api_key_invalid"
    form = {"grant_type": "client_credentials", "scope": "ml:read"}
    pair = (os.environ["VOLWATCH_CLIENT_ID"], os.environ["VOLWATCH_CLIENT_SECRET"])
    token = httpx.post(f"{url}/api/v1/auth/token", data=form, auth=pair).json()["access_token"]
    for given in (token, lambda: token):
        with Client(url, token=given) as by_token:
            assert by_token.request("GET", "/auth/me")["scopes"] == ["ml:read"]


def test_scopes_limit_the_token(url: str) -> None:
    client_id, secret = os.environ["VOLWATCH_CLIENT_ID"], os.environ["VOLWATCH_CLIENT_SECRET"]
    with Client(url, client_id=client_id, client_secret=secret, scopes=["ml:read"]) as limited:
        assert limited.request("GET", "/auth/me")["scopes"] == ["ml:read"]
    with (
        Client(url, client_id=client_id, client_secret="wrong") as wrong,
        pytest.raises(AuthenticationError) as refused,
    ):
        wrong.request("GET", "/auth/me")
    assert refused.value.code == "client_credentials_invalid"


def test_contradicting_credentials_are_refused() -> None:
    with pytest.raises(ValueError, match="belong together"):
        Client(client_id="a")
    with pytest.raises(ValueError, match="give one of"):
        Client(client_id="a", client_secret="b", api_key="c")


def test_secrets_are_in_no_text_of_the_client(recorder: Recorder) -> None:
    with Client(transport=recorder) as client:
        client.request("GET", "/auth/me")
        texts = repr(client) + repr(client._session) + repr(client._session.credentials.token_call())
    bearer = recorder.requests[-1].headers["authorization"].removeprefix("Bearer ")
    assert os.environ["VOLWATCH_CLIENT_SECRET"] not in texts
    assert bearer not in texts


def test_secrets_are_in_no_text_of_the_options() -> None:
    options = ClientOptions(None, "a", "secret-1", (), "secret-2", "secret-3", 1.0, None, None)
    assert "secret-" not in repr(options)


def test_a_refused_request_is_repeated_after_the_time_that_the_service_names(
    fault: FaultOf, recorder: Recorder
) -> None:
    with fault("pricing.engine", mode="error", error_code="overloaded", count=2), Client(transport=recorder) as client:
        started = time.monotonic()
        answer = client.request("POST", "/pricing/price", json=OPTION)
        waited_s = time.monotonic() - started
    statuses = [response.status_code for response in recorder.answers[1:]]
    assert statuses == [503, 503, 200]
    asked_s = sum(float(response.headers["retry-after"]) for response in recorder.answers[1:3])
    assert asked_s > 0
    assert waited_s >= asked_s, "the client waits at least as long as Retry-After says"
    assert answer["price"] > 0


def test_attempts_end(fault: FaultOf, recorder: Recorder) -> None:
    with (
        fault("pricing.engine", mode="error", error_code="overloaded"),
        Client(transport=recorder, retries=Retries(max_attempts=2)) as client,
        pytest.raises(OverloadError) as raised,
    ):
        client.request("POST", "/pricing/price", json=OPTION)
    assert raised.value.retry_after_s is not None
    assert recorder.paths.count("POST /api/v1/pricing/price") == 2


def test_a_longer_wait_than_allowed_raises_at_once(fault: FaultOf, recorder: Recorder) -> None:
    with (
        fault("pricing.engine", mode="error", error_code="overloaded", count=1),
        Client(transport=recorder, retries=Retries(max_wait_s=0.0)) as client,
        pytest.raises(OverloadError),
    ):
        client.request("POST", "/pricing/price", json=OPTION)
    assert recorder.paths.count("POST /api/v1/pricing/price") == 1


def test_an_error_that_time_does_not_cure_is_not_repeated(recorder: Recorder) -> None:
    with Client(transport=recorder) as client, pytest.raises(ValidationError) as raised:
        client.request("POST", "/pricing/price", json={**OPTION, "strike": -1})
    assert recorder.paths.count("POST /api/v1/pricing/price") == 1
    error = raised.value
    assert error.errors[0].pointer == "/strike"
    assert error.status == 422
    assert error.request_id in str(error)
    copy = pickle.loads(pickle.dumps(error))  # noqa: S301
    assert isinstance(copy, ValidationError)
    assert copy.errors == error.errors


def test_a_post_whose_answer_was_lost_is_repeated_only_where_it_is_safe() -> None:
    class LosesTheFirstAnswer(Recorder):
        def handle_request(self, request: httpx.Request) -> httpx.Response:
            answer = super().handle_request(request)
            if "/auth/token" not in str(request.url) and self.requests.count(request) and len(self.lost) < 1:
                self.lost.append(request)
                answer.close()
                raise httpx.ReadError("the connection ended", request=request)
            return answer

        def __init__(self) -> None:
            super().__init__()
            self.lost: list[httpx.Request] = []

    pricing = LosesTheFirstAnswer()
    with Client(transport=pricing) as client:
        assert client.price(FRAME)["price"].notna().all()
    assert len(pricing.lost) == 1

    refresh = LosesTheFirstAnswer()
    with Client(transport=refresh) as client:
        assert client.refresh("tech5").status == "succeeded"
    keys = {
        request.headers["idempotency-key"] for request in refresh.requests if request.url.path.endswith("/refreshes")
    }
    assert len(keys) == 1, "both attempts have the same key"
    assert refresh.answers[-1].headers["idempotency-replayed"] == "true"

    other = LosesTheFirstAnswer()
    with Client(transport=other) as client, pytest.raises(ConnectionFailedError):
        client.request("POST", "/api-keys", json={"name": "lost", "scopes": []})
    assert other.paths.count("POST /api/v1/api-keys") == 1


def test_no_service_and_a_failing_proxy_are_typed_errors() -> None:
    quick = Retries(max_attempts=2, first_wait_s=0.01)
    with Client("http://127.0.0.1:9", retries=quick) as nobody, pytest.raises(ConnectionFailedError):
        nobody.prices("AAPL")
    requests: list[httpx.Request] = []

    def proxy(request: httpx.Request) -> httpx.Response:
        requests.append(request)
        return httpx.Response(502, html="<h1>Bad gateway</h1>")

    with (
        Client(api_key="unused", retries=quick, transport=httpx.MockTransport(proxy)) as behind,
        pytest.raises(UnexpectedAnswerError, match="was answered with status 502") as raised,
    ):
        behind.prices("AAPL")
    assert raised.value.status == 502
    assert len(requests) == 2


def test_the_wait_before_an_attempt_is_bounded() -> None:
    error = RateLimitError({"code": "rate_limit_exceeded", "category": "rate_limit"}, 429, 61.0)
    retries = Retries()
    assert retries.wait_s(error, repeatable=False, failures=1, waited_s=0) is None, "61 s are more than max_wait_s"
    short = RateLimitError({"code": "rate_limit_exceeded", "category": "rate_limit"}, 429, 2.0)
    wait_s = retries.wait_s(short, repeatable=False, failures=1, waited_s=0)
    assert wait_s is not None
    assert wait_s >= 2.0
    quota = ProblemError({"code": "quota_exceeded"}, 429, 2.0)
    assert retries.wait_s(quota, repeatable=True, failures=1, waited_s=0) is None


def test_the_trace_of_the_caller_goes_on(recorder: Recorder) -> None:
    tracer = TracerProvider().get_tracer("tests")
    with Client(transport=recorder) as client, tracer.start_as_current_span("desk") as span:
        trace_id = trace.format_trace_id(span.get_span_context().trace_id)
        with pytest.raises(NotFoundError) as raised:
            client.prices("NOBODY")
    assert raised.value.trace_id == trace_id
    assert recorder.answers[-1].headers["x-trace-id"] == trace_id


def test_a_given_traceparent_goes_on(recorder: Recorder, monkeypatch: pytest.MonkeyPatch) -> None:
    given = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    with Client(transport=recorder, traceparent=lambda: given) as client:
        client.indexes()
    monkeypatch.setenv("TRACEPARENT", given.replace("0af7", "0af8"))
    with Client(transport=recorder) as client:
        client.indexes()
    traces = [answer.headers["x-trace-id"] for answer in recorder.answers]
    assert traces[1] == "0af7651916cd43dd8448eb211c80319c"
    assert traces[-1] == "0af8651916cd43dd8448eb211c80319c"
