"""Calls the service with the client that openapi-generator has generated for Python: BASE_URL CLIENT_ID CLIENT_SECRET."""

import sys

import openapi_client as generated


def check(what: str, passed: bool) -> None:
    if not passed:
        raise SystemExit(f"{what} is not as expected")
    print(f"ok {what}")


client = generated.ApiClient(generated.Configuration(host=sys.argv[1]))
pricing = generated.PricingApi(client)
inputs = {"spot": 100, "strike": 105, "time_to_expiry": 0.5, "rate": 0.03, "volatility": 0.2}


def request_of(**changes: float) -> generated.PricingRequest:
    option = generated.DefaultPricingRequest(**{**inputs, **changes}, option_type=generated.OptionType.CALL)
    return generated.PricingRequest(option)


check("price", abs(pricing.post_pricing_price(request_of()).price - 4.178299716) < 1e-6)
check("assets", len(generated.MarketDataApi(client).get_assets().data) > 0)
# The generated models check the bounds of the schema before they send.
try:
    pricing.post_pricing_price(request_of(spot=-1))
except (generated.ApiException, ValueError) as error:
    check("problem document", "validation_failed" in str(error) or "spot" in str(error))
else:
    check("problem document", False)
