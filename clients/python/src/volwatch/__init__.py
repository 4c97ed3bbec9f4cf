"""Client of the Volwatch service: options in data frames, market data, refreshes."""

from ._async_client import AsyncClient
from ._client import Client
from ._errors import (
    AuthenticationError,
    AuthorizationError,
    ConflictError,
    ConnectionFailedError,
    DatabaseError,
    ExternalApiError,
    FieldError,
    InternalError,
    NotFoundError,
    OverloadError,
    PricingError,
    ProblemError,
    RateLimitError,
    RefreshTimeoutError,
    RowsFailedError,
    UnexpectedAnswerError,
    ValidationError,
    VolwatchError,
)
from ._market import Refresh
from ._pricing import UnitWarning
from ._retries import Retries

__all__ = [
    "AsyncClient",
    "AuthenticationError",
    "AuthorizationError",
    "Client",
    "ConflictError",
    "ConnectionFailedError",
    "DatabaseError",
    "ExternalApiError",
    "FieldError",
    "InternalError",
    "NotFoundError",
    "OverloadError",
    "PricingError",
    "ProblemError",
    "RateLimitError",
    "Refresh",
    "RefreshTimeoutError",
    "Retries",
    "RowsFailedError",
    "UnexpectedAnswerError",
    "UnitWarning",
    "ValidationError",
    "VolwatchError",
]
