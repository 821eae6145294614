"""The lab's own parts, played by hand: a table whose capacity is lowered whenever that is allowed.

Picture a shop that is full for three minutes and then empty, again and again, and a landlord who
asks each time whether the water works may come and fit a narrower pipe.
"""

from labsim.engine import Simulation
from labsim.services import dynamodb

BUSY, CALM, TARGET = 1_000, 100, 0.7    # writes/s
DAY, ALARM, MINUTE = 1_440, 15, 60      # minutes; s


def busy(minute: int) -> bool:
    """Whether many come: for three minutes in 18 as long as there are four decreases an hour, and
    then once an hour."""
    return minute % 18 < 3 if minute < 54 else minute > 60 and (minute - 36) % 60 < 3


def decreases(hours: float) -> int:
    """How often auto scaling lowers the write capacity of a table within so many hours of a day,
    if it would at every opportunity, the first one at midnight."""
    rates = [0] * (DAY - ALARM) + [CALM] * ALARM
    rates += [BUSY if busy(minute) else CALM for minute in range(round(hours * 60))]
    sim = Simulation(1, len(rates) * MINUTE, points=len(rates))
    table = dynamodb.Table(sim, "table", "provisioned", 1, BUSY / TARGET)
    scaling = dynamodb.AutoScaling(sim, "scaling", table, target=TARGET, delay=0.0)
    table.writes.expect([rate * MINUTE for rate in rates])
    sim.run()
    return scaling.ins
