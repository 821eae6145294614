"""Why a system stays down when its cause is long gone, and what brings it back.

`params` holds the knobs, `model` the simulation (read that first), `story` what is measured,
told and drawn, `exercises` the questions.
"""

from pathlib import Path

from labsim.builtin.retry_storms import model, story
from labsim.builtin.retry_storms.exercises import EXERCISES
from labsim.builtin.retry_storms.params import RetryStormsParams
from labsim.declare import Lab

lab = Lab(
    home=Path(__file__).parent,
    slug="retry-storms", title="Retry storms and metastable failures", order=13,
    summary="For fifteen seconds something is slow. Then all is as it was, and nobody gets an "
            "answer: the load that comes back keeps the system where it fell.",
    topics=("Resilience",), Params=RetryStormsParams, simulate=model.simulate,
    estimate=model.estimate, points=model.POINTS, metrics=story.METRICS, presets=story.PRESETS,
    panels=story.PANELS, boxes=story.BOXES, links=story.LINKS, invariants=story.INVARIANTS,
    exercises=EXERCISES,
    headline=("goodput_share", "outage_s", "amplification", "cost_usd"),
    facts=("sdk.standard_attempts", "sdk.standard_backoff", "sdk.full_jitter", "sdk.quota_rule",
           "sdk.quota_capacity", "sdk.retry_cost", "sdk.timeout_retry_cost",
           "resilience.aws_outages", "resilience.outage_length", "resilience.layers",
           "elb.alb_idle_timeout_s", "elb.dereg_delay_s", "rds.t3_large_price"),
)
