"""Discrete-event simulation on SimPy, in two planes; knows nothing of AWS.

The control plane is SimPy processes (`Simulation`); the data plane is numpy arrays
of requests, advanced from one control event to the next (`Station`), or counts of them, step by
step (`Attempts`).
"""

from labsim.engine.arrivals import Arrivals, Coming
from labsim.engine.budget import Budget, Estimate
from labsim.engine.counted import STILL, Attempts, widened
from labsim.engine.due import Due
from labsim.engine.key_sample import KeySample, key_sample
from labsim.engine.last_second import LastSecond
from labsim.engine.lru_cache import LruCache
from labsim.engine.pace import FOLLOWED, Step, counted_run
from labsim.engine.popularity import draw_keys, popularity, scatter
from labsim.engine.recorder import Recorder, so_far
from labsim.engine.replayed import Gradual, Replayed, scaled
from labsim.engine.rows import Rows, Source, together
from labsim.engine.servers import Servers
from labsim.engine.simulation import Cancelled, Event, Order, Simulation, Wake
from labsim.engine.station import Station
from labsim.engine.streams import one_by_one, stream
from labsim.engine.token_bucket import TokenBucket, held_at_first, tokens_before
from labsim.engine.waits import drawn_waits
from labsim.engine.workload import Load, RateCurve, ServiceTimes, at_once, merged, replay

__all__ = [
    "Arrivals", "Attempts", "Budget", "Cancelled", "Coming", "Due", "Estimate", "Event", "FOLLOWED",
    "Gradual", "KeySample", "LastSecond", "Load", "LruCache", "Order", "RateCurve", "Recorder",
    "Replayed", "Rows", "STILL", "Servers", "ServiceTimes", "Simulation", "Source", "Station",
    "Step", "TokenBucket", "Wake", "at_once", "counted_run", "draw_keys", "drawn_waits",
    "held_at_first", "key_sample", "merged", "one_by_one", "popularity", "replay", "scaled",
    "scatter", "so_far", "stream", "together", "tokens_before", "widened"]
