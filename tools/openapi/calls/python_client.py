"""Calls the service with the client that openapi-python-client has generated: BASE_URL CLIENT_ID CLIENT_SECRET."""

import sys

from volwatch_client import AuthenticatedClient, Client
from volwatch_client.api.authentication import post_auth_token
from volwatch_client.api.market_data import get_assets_symbol_prices
from volwatch_client.api.pricing import (
    post_pricing_batch,
    post_pricing_greeks,
    post_pricing_implied_volatility,
    post_pricing_price,
)
from volwatch_client.api.refreshes import get_refreshes
from volwatch_client.models import (
    BatchColumns,
    BatchColumnsAnswer,
    BatchColumnsRequest,
    DefaultGreeksRequest,
    DefaultImpliedVolatilityRequest,
    DefaultPricingRequest,
    GreeksAnswer,
    HestonParameters,
    HestonPricingRequest,
    HestonPricingRequestModel,
    ImpliedVolatilityAnswer,
    OptionType,
    PriceAnswer,
    PriceList,
    Problem,
    RefreshList,
    Token,
    TokenRequest,
)

base_url, client_id, client_secret = sys.argv[1:]
client = Client(base_url=base_url)
inputs = {"spot": 100.0, "strike": 105.0, "time_to_expiry": 0.5, "rate": 0.03, "option_type": OptionType.CALL}


def check(what: str, passed: bool) -> None:
    if not passed:
        raise SystemExit(f"{what} is not as expected")
    print(f"ok {what}")


price = post_pricing_price.sync(client=client, body=DefaultPricingRequest(**inputs, volatility=0.2))
check("price", isinstance(price, PriceAnswer) and abs(price.price - 4.178299716) < 1e-6)

heston = HestonParameters(v0=0.04, kappa=1.5, theta=0.04, sigma=0.3, rho=-0.6)
by_heston = post_pricing_price.sync(
    client=client, body=HestonPricingRequest(**inputs, model=HestonPricingRequestModel.HESTON, heston=heston)
)
check("price by another model", isinstance(by_heston, PriceAnswer) and by_heston.model == "heston")

greeks = post_pricing_greeks.sync(client=client, body=DefaultGreeksRequest(**inputs, volatility=0.2))
check("greeks", isinstance(greeks, GreeksAnswer) and abs(greeks.delta - 0.433204370) < 1e-6)

implied = post_pricing_implied_volatility.sync(
    client=client, body=DefaultImpliedVolatilityRequest(**inputs, price=4.178299716)
)
check(
    "implied volatility",
    isinstance(implied, ImpliedVolatilityAnswer) and abs(implied.implied_volatility - 0.2) < 1e-6,
)

columns = BatchColumns.from_dict({"spot": 100, "strike": [105, None], "time_to_expiry": 0.5, "rate": 0.03,
                                  "volatility": 0.2, "option_type": "call"})
batch = post_pricing_batch.sync(client=client, body=BatchColumnsRequest(columns=columns))
check("batch of columns", isinstance(batch, BatchColumnsAnswer) and abs(batch.columns.price[0] - 4.178299716) < 1e-6)

prices = get_assets_symbol_prices.sync("AAPL", client=client, limit=3)
check("prices", isinstance(prices, PriceList) and len(prices.data) == 3 and prices.data[0].close > 0)

wrong = post_pricing_price.sync(client=client, body=DefaultPricingRequest(**{**inputs, "spot": -1.0}, volatility=0.2))
check("problem document", isinstance(wrong, Problem) and wrong.code == "validation_failed")

token = post_auth_token.sync(
    client=client,
    body=TokenRequest(grant_type="client_credentials", client_id=client_id, client_secret=client_secret),
)
check("token", isinstance(token, Token))
with_token = AuthenticatedClient(base_url=base_url, token=token.access_token)
refreshes = get_refreshes.sync(client=with_token)
check("token and refreshes", isinstance(refreshes, RefreshList) and len(refreshes.data) > 0)
