"""Wrong answers to an exercise, all different, each in a form that is understood."""

from itertools import islice


def wrong(lab, asked, most=3):
    """Up to `most` of them: a question of three choices has two."""
    return list(islice((a for a in _tries(lab, asked) if asked.check(lab, a).right is False), most))


def _tries(lab, asked):
    if asked.kind == "explain":
        yield from "abcdefgh"[:len(asked.choices)]
    elif asked.kind == "predict":
        yield from (-1, -2, -3)
    elif asked.kind == "sketch":
        left, right = asked.axis(lab)
        left = left if asked.known is None else asked.known
        yield from ([[left, share * asked.top], [right, share * asked.top]]
                    for share in (1, 0.95, 0.9))
    else:
        yield {}
        start, specs = asked.params(lab), lab.Params.specs()
        for name in asked.free:
            if slider := specs[name].slider:
                yield from ({name: specs[name].type(value)} for value in slider
                            if value != getattr(start, name))
            else:
                yield from ({name: value} for value in specs[name].choices or (True, False)
                            if value != getattr(start, name))
