"""For `pytest --nbval notebooks/`: the kernels are those with which the notebooks were made."""

from labsim.course.kernels import pytest_configure

__all__ = ["pytest_configure"]
