"""Credentials of the caller, and the access token that is fetched for a client."""

from __future__ import annotations

import time
from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote_plus, urlencode

from ._flow import Call

# A token that ends in less time is renewed, so that it does not end on its way.
_MARGIN_S = 30.0


@dataclass
class Credentials:
    """One kind of credential, or none. Secrets are not part of `repr`."""

    client_id: str | None = None
    client_secret: str | None = field(default=None, repr=False)
    scopes: tuple[str, ...] = ()
    api_key: str | None = field(default=None, repr=False)
    token: str | Callable[[], str] | None = field(default=None, repr=False)
    _access_token: str | None = field(default=None, init=False, repr=False)
    _ends_at: float = field(default=0.0, init=False, repr=False)

    def __post_init__(self) -> None:
        if (self.client_id is None) != (self.client_secret is None):
            raise ValueError("client_id and client_secret belong together: give both or neither")
        if sum(kind is not None for kind in (self.client_id, self.api_key, self.token)) > 1:
            raise ValueError("give one of client_id with client_secret, api_key and token")

    @property
    def present(self) -> bool:
        return not (self.client_id is None and self.api_key is None and self.token is None)

    def headers(self) -> dict[str, str] | None:
        """The headers that carry the credential; None if an access token must be fetched first."""
        if self.api_key is not None:
            return {"x-api-key": self.api_key}
        if self.token is not None:
            return {"authorization": f"Bearer {self.token() if callable(self.token) else self.token}"}
        if self.client_id is None:
            return {}
        if self._access_token is None or time.monotonic() > self._ends_at:
            return None
        return {"authorization": f"Bearer {self._access_token}"}

    def token_call(self) -> Call:
        """The request of RFC 6749, section 4.4, for an access token."""
        pair = f"{quote_plus(self.client_id or '')}:{quote_plus(self.client_secret or '')}"
        form = {"grant_type": "client_credentials"}
        if self.scopes:
            form["scope"] = " ".join(self.scopes)
        return Call(
            "POST",
            "/api/v1/auth/token",
            headers={
                "authorization": f"Basic {b64encode(pair.encode()).decode()}",
                "content-type": "application/x-www-form-urlencoded",
            },
            content=urlencode(form).encode(),
            repeatable=True,
        )

    def store(self, answer: dict[str, Any]) -> dict[str, str]:
        """Stores the answer of `token_call`. @returns the headers that carry the token"""
        lifetime_s = float(answer["expires_in"])
        self._access_token = str(answer["access_token"])
        self._ends_at = time.monotonic() + lifetime_s - min(_MARGIN_S, lifetime_s / 2)
        return {"authorization": f"Bearer {self._access_token}"}

    def renew(self, used: str | None) -> bool:
        """Forgets the access token that was refused. @returns False if this credential cannot be renewed."""
        if self.client_id is None:
            return False
        if used == f"Bearer {self._access_token}":
            self._access_token = None
        return True
