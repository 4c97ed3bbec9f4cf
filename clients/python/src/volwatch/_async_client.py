"""The asynchronous client."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, overload

import httpx
import pyarrow as pa

from . import _market
from ._flow import Flow, Result, run_async
from ._frames import Frame, FrameKind, from_table
from ._grid import grid_frame
from ._market import OnRefusedRow, Refresh, UploadMode
from ._pricing import Input, OnError, Units, price_frame, pricing_of
from ._setup import ClientOptions, http_settings, session_of

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd
    import polars as pl

    from ._retries import Retries


class AsyncClient:
    """As `Client`, for asyncio. Close it, or use it in an `async with` statement.

    Without arguments the address and the credential come from the environment: `VOLWATCH_URL`, and `VOLWATCH_CLIENT_ID`
    with `VOLWATCH_CLIENT_SECRET`, or `VOLWATCH_API_KEY`. Without a credential, prices and market data can be read.
    It belongs to one event loop, and many calls can be in progress at once.
    """

    def __init__(
        self,
        url: str | None = None,
        *,
        client_id: str | None = None,
        client_secret: str | None = None,
        scopes: Sequence[str] = (),
        api_key: str | None = None,
        token: str | Callable[[], str] | None = None,
        timeout_s: float = 60.0,
        retries: Retries | None = None,
        traceparent: Callable[[], str | None] | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        options = ClientOptions(
            url, client_id, client_secret, tuple(scopes), api_key, token, timeout_s, retries, traceparent
        )
        self._session = session_of(options)
        self._http = httpx.AsyncClient(**http_settings(options), transport=transport)

    async def __aenter__(self) -> AsyncClient:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        await self._http.aclose()

    async def _run(self, flow: Flow[Result]) -> Result:
        return await run_async(flow, self._http)

    async def price(
        self,
        frame: Frame,
        *,
        outputs: Iterable[str] = ("price",),
        ignore: Sequence[str] = (),
        on_error: OnError = "columns",
        strict_units: bool = False,
        prefix: str = "",
        **inputs: Input,
    ) -> Frame:
        """A copy of the frame with the price of each row, and the columns error_code, error_field and error_detail.

        Columns and keyword arguments are the inputs of the service: spot, strike, time_to_expiry in years, rate,
        volatility, dividend_yield, option_type, model, exercise_style and so on. An argument holds for all rows. A
        column that is no input is refused by the service: name it in `ignore` to keep it without sending it. With
        `on_error="raise"` a row that cannot be priced raises RowsFailedError, and there are no error columns. With
        `strict_units` a suspicious value (a volatility of 20) is an error; without, it is a UnitWarning. The argument
        `preset` names a preset of the user: model, precision and steps.
        """
        pricing = pricing_of(outputs, inputs, ignore, strict_units=strict_units, prefix=prefix, on_error=on_error)
        return await self._run(price_frame(self._session, frame, pricing))

    async def greeks(
        self,
        frame: Frame,
        *,
        outputs: Iterable[str] = ("delta", "gamma", "vega", "theta", "rho", "dividend_rho"),
        ignore: Sequence[str] = (),
        on_error: OnError = "columns",
        strict_units: bool = False,
        units: Units = "default",
        prefix: str = "",
        **inputs: Input,
    ) -> Frame:
        """As `price`, with greeks: vega per 1.00 of volatility, theta per year, rho per 1.00 of the rate.

        With `units="market"` vega and rho are per 1 %, and theta is per day.
        """
        pricing = pricing_of(
            outputs, inputs, ignore, strict_units=strict_units, prefix=prefix, on_error=on_error, units=units
        )
        return await self._run(price_frame(self._session, frame, pricing))

    async def grid(
        self,
        positions: Frame,
        *,
        spot_shifts: Sequence[float] = (),
        volatility_shifts: Sequence[float] = (),
        days: Sequence[float] = (),
        outputs: Iterable[str] = ("greeks",),
        units: Units = "default",
        strict_units: bool = False,
    ) -> Frame:
        """A new frame with the value and the greeks of each position at each node, and then the totals of each node.

        Each row of `positions` is an option with its `quantity` (1 without it) and perhaps an `id`. Spot shifts are
        relative, volatility shifts are added, days are calendar days that pass. In the rows of totals `position` is
        null.
        """
        axes = {"spot_shifts": spot_shifts, "volatility_shifts": volatility_shifts, "days": days}
        settings = {"outputs": list(outputs), "units": units, "strict_units": strict_units}
        result: Frame = await self._run(grid_frame(self._session, positions, axes, settings))
        return result

    async def implied_volatility(
        self,
        frame: Frame,
        *,
        outputs: Iterable[str] = ("implied_volatility",),
        ignore: Sequence[str] = (),
        on_error: OnError = "columns",
        strict_units: bool = False,
        prefix: str = "",
        **inputs: Input,
    ) -> Frame:
        """As `price`, from the column `price` in place of `volatility`. Greeks are at the volatility found."""
        pricing = pricing_of(outputs, inputs, ignore, strict_units=strict_units, prefix=prefix, on_error=on_error)
        return await self._run(price_frame(self._session, frame, pricing))

    @overload
    async def prices(
        self,
        symbol: str,
        *,
        start: date | str | None = None,
        end: date | str | None = None,
        frame: Literal["pandas"] = "pandas",
    ) -> pd.DataFrame: ...
    @overload
    async def prices(
        self, symbol: str, *, start: date | str | None = None, end: date | str | None = None, frame: Literal["polars"]
    ) -> pl.DataFrame: ...
    @overload
    async def prices(
        self, symbol: str, *, start: date | str | None = None, end: date | str | None = None, frame: Literal["arrow"]
    ) -> pa.Table: ...
    async def prices(
        self,
        symbol: str,
        *,
        start: date | str | None = None,
        end: date | str | None = None,
        frame: FrameKind = "pandas",
    ) -> Any:
        """The stored prices of an asset, oldest first, with all pages: date, open, high, low, close, volume."""
        return from_table(await self._run(_market.prices(self._session, symbol, start, end)), frame)

    @overload
    async def index_values(
        self,
        code: str,
        *,
        start: date | str | None = None,
        end: date | str | None = None,
        frame: Literal["pandas"] = "pandas",
    ) -> pd.DataFrame: ...
    @overload
    async def index_values(
        self, code: str, *, start: date | str | None = None, end: date | str | None = None, frame: Literal["polars"]
    ) -> pl.DataFrame: ...
    @overload
    async def index_values(
        self, code: str, *, start: date | str | None = None, end: date | str | None = None, frame: Literal["arrow"]
    ) -> pa.Table: ...
    async def index_values(
        self, code: str, *, start: date | str | None = None, end: date | str | None = None, frame: FrameKind = "pandas"
    ) -> Any:
        """The values of an index, oldest first, with all pages: date, value."""
        return from_table(await self._run(_market.index_values(self._session, code, start, end)), frame)

    @overload
    async def assets(self, *, frame: Literal["pandas"] = "pandas") -> pd.DataFrame: ...
    @overload
    async def assets(self, *, frame: Literal["polars"]) -> pl.DataFrame: ...
    @overload
    async def assets(self, *, frame: Literal["arrow"]) -> pa.Table: ...
    async def assets(self, *, frame: FrameKind = "pandas") -> Any:
        """All assets: symbol, name, exchange, currency, first_date, last_date."""
        return from_table(await self._run(_market.listed(self._session, "/assets")), frame)

    @overload
    async def indexes(self, *, frame: Literal["pandas"] = "pandas") -> pd.DataFrame: ...
    @overload
    async def indexes(self, *, frame: Literal["polars"]) -> pl.DataFrame: ...
    @overload
    async def indexes(self, *, frame: Literal["arrow"]) -> pa.Table: ...
    async def indexes(self, *, frame: FrameKind = "pandas") -> Any:
        """All indexes: code, name, universe, method, constituents, first_date, last_date."""
        return from_table(await self._run(_market.listed(self._session, "/indexes")), frame)

    async def refresh(self, universe: str, *, timeout_s: float = 300.0) -> Refresh:
        """Refreshes a universe and waits until it ended; needs the scope market:refresh.

        A refresh that failed raises the error of its cause, with the record in `document["refresh"]`.
        """
        return await self._run(_market.refresh(self._session, universe, timeout_s))

    async def upload_prices(
        self,
        universe: str,
        frame: object,
        *,
        mode: UploadMode = "merge",
        on_error: OnRefusedRow = "fail",
        adjusted: bool | None = None,
        timeout_s: float = 300.0,
    ) -> Refresh:
        """Uploads prices and waits until they are stored; needs the scope market:manage.

        The frame has the columns symbol, date and close, and optionally open, high, low, volume, dividend, split_factor
        and shares. `adjusted`: whether the prices are in shares of today, as most tools download them.
        """
        return await self._run(
            _market.upload_prices(
                self._session,
                universe,
                frame,
                mode=mode,
                on_error=on_error,
                adjusted=adjusted,
                timeout_s=timeout_s,
            )
        )

    async def refresh_record(self, refresh_id: str) -> Refresh:
        """The record of one refresh."""
        return await self._run(_market.refresh_record(self._session, refresh_id))

    async def refreshes(self, *, limit: int = 100) -> list[Refresh]:
        """The records of the newest refreshes, at most 1000."""
        return await self._run(_market.refreshes(self._session, limit))

    async def request(
        self,
        method: str,
        path: str,
        *,
        json: Any = None,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Any:
        """Any other route: JSON in, JSON out. `path` is relative to `/api/v1`."""
        return await self._run(self._session.json(method, path, body=json, params=params, headers=headers))
