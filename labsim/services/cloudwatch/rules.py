"""The arithmetic of Amazon CloudWatch's alarms: which state so many datapoints make.

Picture the card on the nurse's desk: how many of the last readings must be too high before the
bell is rung, and what counts when a reading is missing.

*Models:* M out of N with the four treatments of missing data, the window that an alarm looks at.
*Leaves out:* composite and anomaly alarms.
"""

from collections.abc import Sequence

from labsim import factbook

OK, ALARM, INSUFFICIENT_DATA = "OK", "ALARM", "INSUFFICIENT_DATA"
STANDARD_RESOLUTION = factbook.value("sqs.metric_period_s")
REPEAT_ACTION = factbook.value("cw.alarm_repeat_s")
MISSING = "missing", "ignore", "breaching", "notBreaching"
LONGEST_WINDOW = factbook.value("cw.alarm_max_window")


def alarm_state(points: Sequence[bool | None], m: int, n: int, missing: str = "missing",
                state: str = OK) -> str:
    """The state of an alarm "M out of N" that sees `points`, oldest first.

    points: the evaluation range, at least n long: True breaching, False not, None missing.
    missing: "missing", "ignore", "breaching" or "notBreaching". state: the one before.
    Facts: cw.alarm_rule, cw.alarm_missing_default, cw.alarm_missing_rule, cw.alarm_premature_rule;
    the tables of their source, AlarmThatSendsEmail, are in tests/services/test_cloudwatch.py.
    """
    if not 1 <= m <= n <= len(points):
        raise ValueError(f"M={m}, N={n} on {len(points)} points: needs 1 <= M <= N <= points")
    newest = points[-n:]
    if None not in newest:
        return ALARM if sum(newest) >= m else OK
    real = [p for p in points if p is not None][-n:]
    lacking = n - len(real)
    if missing == "breaching":
        return ALARM if sum(real) + lacking >= m else OK
    if missing == "notBreaching" or lacking == 0 or sum(real) >= m:
        return ALARM if sum(real) >= m else OK
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


def evaluation_window(period: float, n: int) -> float:
    """Seconds that an alarm with `n` evaluation periods looks back on; a day at most.

    Facts: cw.alarm_eval_rate, cw.alarm_max_window.
    """
    if not 0 < period * n <= LONGEST_WINDOW:
        raise ValueError(f"{n} periods of {period} s: at most {LONGEST_WINDOW:g} s together")
    return period * n
