"""Numbers as people read them, and the words for yes and no."""

TRUTH = {"true": True, "yes": True, "on": True, "1": True,
         "false": False, "no": False, "off": False, "0": False}


def format_value(value: float, unit: str = "") -> str:
    """Three significant figures, thousands separated, no exponent, with the unit."""
    if value == 0 or not abs(value) < 1e15:
        text = f"{value + 0.0:g}"
    elif abs(value) >= 100:
        text = f"{value:,.0f}"
    else:
        text = f"{value:.3g}"
        if "e" in text:
            text = f"{round(value, 12) + 0.0:.12f}".rstrip("0").rstrip(".")     # no -0
    return f"{text} {unit}".strip()


def a_or_an(thing: str) -> str:
    """"a queue", "an instance": by its first letter."""
    return f"{'an' if thing[0] in 'aeiou' else 'a'} {thing}"


def plural(number: int, thing: str) -> str:
    """"target" for 1 (or -1) of them, else "targets"."""
    return thing if abs(number) == 1 else f"{thing}s"
