"""Numbers as people read them."""


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


def counted(number: int, thing: str) -> str:
    """"1 target", "2 targets"."""
    return f"{number:,} {thing}" if number == 1 else f"{number:,} {thing}s"
