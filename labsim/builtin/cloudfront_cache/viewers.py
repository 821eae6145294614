"""Who asks for what, when and from where, in the lab `cloudfront-cache`."""

from dataclasses import dataclass

import numpy as np

from labsim.builtin.cloudfront_cache.params import CloudfrontCacheParams
from labsim.engine import Simulation, draw_keys, popularity
from labsim.services.cloudfront import rules as cloudfront
from labsim.services.common import regions as world


@dataclass(frozen=True)
class Viewers:
    """Every request: its time (s, sorted; before 0: warm-up), the viewer's region, the region that
    serves it, the object, the edge, and whether its signed URL was still valid."""

    times: np.ndarray
    region: np.ndarray
    served: np.ndarray
    objects: np.ndarray
    edge: np.ndarray
    admitted: np.ndarray

    @classmethod
    def draw(cls, p: CloudfrontCacheParams, sim: Simulation) -> "Viewers":
        """Poisson arrivals of each region, with dice of their own, in order of time."""
        likes, columns = popularity(p.objects, p.skew), []
        shares, serving = p.shares, p.serving
        signed = p.by_edges and p.url_lifetime > 0
        for here, name in enumerate(world.REGIONS):
            curve = world.awake(here, p.request_rate * shares[here], p.day_swing, -p.warm_up,
                                p.duration)
            blocks = [*curve.arrivals(sim.stream(f"viewers {name}")), np.empty(0)]
            times = np.concatenate(blocks) - p.warm_up
            n = len(times)
            objects = draw_keys(likes, n, sim.stream(f"objects {name}"))
            edge = (sim.stream(f"edges {name}").random(n) * p.edges).astype(np.int64)
            age = sim.stream(f"clicks {name}").exponential(p.click_delay, n) if signed else None
            let_in = (np.array(cloudfront.admitted(age.tolist(), p.url_lifetime), dtype=bool)
                      if signed else np.ones(n, dtype=bool))
            columns.append((times, np.full(n, here), np.full(n, serving[here]), objects,
                            serving[here] * p.edges + edge, let_in))
        joined = [np.concatenate(column) for column in zip(*columns)]
        order = np.argsort(joined[0], kind="stable")
        return cls(*(column[order] for column in joined))
