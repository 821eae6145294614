"""Amazon API Gateway: throttles and caches before a function."""

from labsim.services.api_gateway.gateway import Gateway

__all__ = ["Gateway"]
