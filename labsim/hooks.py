"""What a lab and a result can do that is made in rooms above them.

Picture the bells in a country house: whoever pulls one need not know which room answers. A `Result`
offers `plot()`, a `Lab` `explore()`; who draws and who explores stands above both of them.
`labsim/__init__` hangs the bells, so they are there whatever of labsim is imported.
"""

from collections.abc import Callable

answers: dict[str, Callable] = {}   # bell -> who answers, with the arguments given


def ring(bell: str, *given, **options):
    """Do what `bell` stands for."""
    return answers[bell](*given, **options)
