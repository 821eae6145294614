"""The plan of a system: where its boxes stand, and which arrows join them.

Picture an electrician who draws the wiring of a house that is there already: what passes the
requests on stands in a row from left to right, what steers it below, and what has nothing to do
with each other in bands of its own.
"""

from labsim.declare.component import Component
from labsim.declare.drawing import Box, Link


def drawn(parts: list[Component]) -> tuple[tuple[Box, ...], tuple[Link, ...]]:
    """The boxes and arrows of a system. Parts without a box are passed through."""
    arrows = [(part, other, label) for part in parts if part.boxed
              for other, label in _ends(part)]
    places: dict[Component, tuple[int, int]] = {}
    for band in _bands([part for part in parts if part.boxed], arrows):
        below = max((row + 1 for _, row in places.values()), default=0)
        for part, (column, row) in _placed(band, arrows).items():
            places[part] = column, row + below
    boxes = tuple(Box(part.name, at, tuple((label, f"{part.name}.{series}")
                                           for label, series in part.shows),
                      alarm=f"{part.name}.{part.alarm}" if part.alarm else "",
                      breaks=next(iter(part.breakable()), ""),
                      bars=part.bars and tuple(f"{part.name}.{name}" for name in part.bars))
                  for part, at in places.items())
    links = tuple(Link(part.name, other.name, label, control=part.control or other.control)
                  for part, other, label in arrows)
    return boxes, links


def _ends(part: Component) -> list[tuple[Component, str]]:
    """Where the arrows of a part lead to; one through a part without a box goes on, once."""
    found: dict[Component, str] = {}
    for other, label in part.links:
        for end, said in [(other, label)] if other.boxed else _ends(other):
            found.setdefault(end, said)
    return list(found.items())


def _bands(parts: list[Component], arrows) -> list[list[Component]]:
    """The parts in groups, each of those that arrows join."""
    group = {part: {part} for part in parts}
    for part, other, _ in arrows:
        if group[part] is not group[other]:
            group[part] |= group[other]
            for member in group[other]:
                group[member] = group[part]
    seen = {id(group[part]): group[part] for part in parts}
    return [[part for part in parts if part in members] for members in seen.values()]


def _placed(parts: list[Component], arrows) -> dict[Component, tuple[int, int]]:
    """{part: (column, row)} of one band."""
    flow = [part for part in parts if not part.control]
    columns = dict.fromkeys(flow, 0)
    for _ in flow:      # as far to the right as the longest way there
        for part, other, _ in arrows:
            if part in columns and other in columns:
                columns[other] = max(columns[other], min(columns[part] + 1, len(flow) - 1))
    places, taken = {}, set()

    def put(part: Component, column: int, row: int) -> None:
        while (column, row) in taken:
            row += 1
        taken.add((column, row))
        places[part] = column, row
    for part in flow:
        put(part, columns[part], 0)
    below = max((row for _, row in places.values()), default=-1) + 1
    waiting = [part for part in parts if part.control]
    while waiting:      # who steers something that has its place
        ready = [part for part in waiting if any(
            other in places for start, other, _ in arrows if start is part)] or waiting[:1]
        for part in ready:
            waiting.remove(part)
            ahead = [other for start, other, _ in arrows if start is part and other in places]
            behind = [start for start, other, _ in arrows
                      if other is part and not start.control and start in places]
            column, row = places[ahead[0]] if ahead else (0, below)
            row = max(row + 1, below)
            if behind and ahead and ahead[0].control:   # it reads one part and tells another
                column, row = places[behind[0]][0], places[ahead[0]][1]
            put(part, column, row)
    return places
