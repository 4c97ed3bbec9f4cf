"""A preset of the settings of a user in the argument `preset`."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pandas as pd
import pytest

from volwatch import Client, ValidationError


def test_a_preset_of_the_user_chooses_the_model(client: Client, url: str) -> None:
    account = {"email": f"{uuid4()}@example.com", "password": "correct horse battery staple"}
    client.request("POST", "/auth/register", json=account)
    token = client.request("POST", "/auth/login", json=account)["access_token"]
    frame = pd.DataFrame({"strike": [95.0, 105.0]})
    market: dict[str, Any] = {"spot": 100, "time_to_expiry": 0.5, "rate": 0.03, "volatility": 0.2}
    option: dict[str, Any] = {**market, "option_type": "put", "exercise_style": "american"}
    with Client(url, token=token) as user:
        user.request("PUT", "/settings/presets/coarse", json={"model": "binomial_lr", "steps": 11})
        by_preset = user.price(frame, preset="coarse", **option)
        by_name = user.price(frame, model="binomial_lr", steps=11, **option)
        assert by_preset["price"].to_list() == by_name["price"].to_list()
        assert by_preset["price"].to_list() != user.price(frame, **option)["price"].to_list()
        with pytest.raises(ValidationError, match="coarse"):
            user.price(frame, preset="coarce", **option)
