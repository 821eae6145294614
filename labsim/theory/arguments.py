"""What the arguments of a closed form have to be, and the errors where they are not."""

import math

import numpy as np

from labsim.errors import NotApplicable

_UNITS = {"arrival_rate": " per second", "service_time": " s", "offered_load": " erlangs",
          "patience": " s", "think": " s"}


class Unstable(NotApplicable):
    """The queue has no steady state."""


def check(**values: float) -> None:
    """`ValueError` for what is not a finite number from 0 on."""
    for name, value in values.items():
        try:
            good = not isinstance(value, bool) and math.isfinite(value) and value >= 0
        except (TypeError, OverflowError):
            good = False
        if not good:
            raise ValueError(
                f"{name}: given {value!r}, allowed finite, at least 0{_UNITS.get(name, '')}")


def check_above(**values: float) -> None:
    """`ValueError` for what is not a finite number above 0."""
    check(**values)
    for name, value in values.items():
        if not value:
            raise ValueError(f"{name}: given {value!r}, allowed above 0{_UNITS.get(name, '')}")


def check_share(**values: float) -> None:
    """`ValueError` for what is not from 0 to 1."""
    check(**values)
    for name, value in values.items():
        if value > 1:
            raise ValueError(f"{name}: given {value!r}, allowed from 0 to 1")


def check_whole(least: int = 1, **values: int) -> None:
    """`ValueError` for what is not a whole number from `least` on."""
    for name, value in values.items():
        if isinstance(value, bool) or not hasattr(value, "__index__") or value < least:
            raise ValueError(f"{name}: given {value!r}, allowed a whole number from {least}")


def check_rates(arrival_rates) -> np.ndarray:
    """The same as an array; `ValueError` for none, or one that is not finite and from 0 on."""
    rates = np.asarray(arrival_rates, dtype=float)
    if rates.ndim != 1 or not len(rates) or not np.all(np.isfinite(rates) & (rates >= 0)):
        raise ValueError(f"arrival_rates: given {arrival_rates!r}, allowed one or more, each "
                         f"finite, at least 0 per second")
    return rates
