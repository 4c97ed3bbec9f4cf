"""Reads requests and an answer of the service with the models of datamodel-code-generator: BASE_URL."""

import json
import sys
import urllib.request

import volwatch_models as models

(base_url,) = sys.argv[1:2]
option = {"spot": 100, "strike": 105, "time_to_expiry": 0.5, "rate": 0.03, "volatility": 0.2, "option_type": "call"}
request = models.PricingRequest.model_validate(option)
models.PricingRequest.model_validate({**option, "model": "black_scholes", "dividends": [{"time": 0.1, "amount": 1}]})
models.PricingRequest.model_validate({"symbol": "AAPL", **{k: v for k, v in option.items() if k not in ("spot", "volatility")}})
models.BatchRequest.model_validate({"columns": {**option, "strike": [105, None]}})
body = request.model_dump_json(exclude_none=True).encode()
call = urllib.request.Request(f"{base_url}/api/v1/pricing/price", body, {"Content-Type": "application/json"})
with urllib.request.urlopen(call) as answer:
    price = models.PriceAnswer.model_validate(json.load(answer))
assert abs(price.price - 4.178299716) < 1e-6, price
print("ok price")
