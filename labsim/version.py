"""The version of labsim; pyproject.toml has the same."""

__version__ = "0.1.0"
