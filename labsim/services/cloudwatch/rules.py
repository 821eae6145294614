"""The arithmetic of Amazon CloudWatch's alarms: which state so many datapoints make.

Picture the card on the nurse's desk: how many of the last readings must be too high before the
bell is rung, and what counts when a reading is missing.

*Models:* M out of N with the four treatments of missing data, one evaluation at a time or a whole
run of datapoints at once; the window that an alarm looks at.
*Leaves out:* composite and anomaly alarms.
"""

from collections.abc import Sequence

import numpy as np

from labsim import factbook

OK, ALARM, INSUFFICIENT_DATA = "OK", "ALARM", "INSUFFICIENT_DATA"
STANDARD_RESOLUTION = factbook.value("sqs.metric_period_s")
REPEAT_ACTION = factbook.value("cw.alarm_repeat_s")
HIGH_RESOLUTION = 10, 20, 30    # s, besides the multiples of the standard resolution
PERIODS = "10, 20, 30 or a multiple of 60 s"
MISSING = "missing", "ignore", "breaching", "notBreaching"
LONGEST_WINDOW = factbook.value("cw.alarm_max_window")


def is_period(period: float) -> bool:
    """Whether CloudWatch has datapoints of this period, s, one of PERIODS.
    Fact: cw.alarm_period."""
    return period > 0 and (period in HIGH_RESOLUTION or period % STANDARD_RESOLUTION == 0)


def breaches(value, threshold: float, above: bool):
    """Whether a datapoint (or each of an array) breaches: it is beyond the threshold, not at it."""
    return value > threshold if above else value < threshold


def rings(breaching, m: int):
    """Whether an alarm "M out of N" is in ALARM where so many of the N newest datapoints breach:
    a number, or an array of them. Fact: cw.alarm_rule."""
    return breaching >= m


def alarm_state(points: Sequence[bool | None], m: int, n: int, missing: str = "missing",
                state: str = OK) -> str:
    """The state of an alarm "M out of N" that sees `points`, oldest first.

    points: the evaluation range, at least n long: True breaching, False not, None missing.
    missing: "missing", "ignore", "breaching" or "notBreaching". state: the one before.
    Facts: cw.alarm_rule, cw.alarm_missing_default, cw.alarm_missing_rule, cw.alarm_premature_rule;
    the tables of their source, AlarmThatSendsEmail, are in tests/services/cloudwatch.
    """
    if not 1 <= m <= n <= len(points):
        raise ValueError(f"M={m}, N={n} on {len(points)} points: needs 1 <= M <= N <= points")
    newest = points[-n:]
    if None not in newest:
        return ALARM if rings(sum(newest), m) else OK
    real = [p for p in points if p is not None][-n:]
    lacking = n - len(real)
    if missing == "breaching":
        return ALARM if rings(sum(real) + lacking, m) else OK
    if missing == "notBreaching" or lacking == 0 or rings(sum(real), m):
        return ALARM if rings(sum(real), m) else OK
    if missing not in ("missing", "ignore"):
        raise ValueError(f"missing={missing!r}: missing, ignore, breaching or notBreaching")
    if not all(real):
        return OK
    if missing == "ignore":
        return state
    if not real:
        return INSUFFICIENT_DATA
    oldest = next(age for age, p in zip(range(len(points), 0, -1), points) if p is not None)
    return ALARM if oldest >= m else OK     # only breaching data, and old enough: premature alarm


def ringing(breach: np.ndarray, m: int, n: int, last: int) -> np.ndarray:
    """Whether an alarm "M out of N" is in ALARM at each of the `last` datapoints, of which, and of
    the N - 1 before them, `breach` (points,) says whether they breach; fewer: nothing did before.
    It is `alarm_state` at many datapoints at once, where none is missing."""
    total = np.zeros(last + n, dtype=int)
    np.add.accumulate(breach, out=total[len(total) - len(breach):])
    return rings(total[n:] - total[:-n], m)


def evaluation_window(period: float, n: int) -> float:
    """Seconds that an alarm with `n` evaluation periods looks back on. Fact: cw.alarm_eval_rate."""
    return period * n


def fits(period: float, n: int) -> bool:
    """Whether CloudWatch has such an alarm: it looks back on a day at most.
    Fact: cw.alarm_max_window."""
    return 0 < evaluation_window(period, n) <= LONGEST_WINDOW


def most_datapoints(period: float) -> str:
    """How many datapoints of a period an alarm may look at, in words."""
    return f"at most {LONGEST_WINDOW // period:g} datapoints of {period:g} s, a day"
