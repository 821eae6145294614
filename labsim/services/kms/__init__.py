"""AWS KMS: one request quota for all that use it."""

from labsim.services.kms.quota import Quota

__all__ = ["Quota"]
