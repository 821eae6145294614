"""The lab's own parts, played by hand: a table whose traffic never stops falling.

Picture a shop on its last day: fewer and fewer come, and each hour somebody asks whether the water
works may come again to fit a narrower pipe.
"""

from labsim.engine import Simulation
from labsim.services import dynamodb

CAPACITY, TARGET, TICK = 9_000, 0.9, 60
QUICK, SLOW = 960, 3_000        # s from a fall to the next: for the first hours, and after
FALL = 0.77                     # enough for the low alarm, each time


def decreases(hours: float) -> int:
    """How often auto scaling lowers the write capacity of a table within so many hours, if it
    would at every opportunity."""
    ticks = round(hours * 3_600 / TICK)
    sim = Simulation(1, ticks * TICK, points=ticks)
    table = dynamodb.Table(sim, "table", "provisioned", 1, CAPACITY)
    scaling = dynamodb.AutoScaling(sim, "scaling", table, target=TARGET, delay=0.0)
    falls = [min(t // QUICK, 6) + max(0, t - 6 * QUICK) // SLOW
             for t in range(0, ticks * TICK, TICK)]
    table.writes.expect([round(CAPACITY * TARGET * TICK * FALL ** (1 + fall)) for fall in falls])
    sim.run()
    return scaling.ins
