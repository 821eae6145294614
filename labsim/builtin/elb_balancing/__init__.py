"""A load balancer over three zones: who is sent where, and what it costs not to know.

`params` holds the knobs, `model` the simulation (read that first), `story` what is measured,
told and drawn, `exercises` the questions.
"""

from pathlib import Path

from labsim.builtin.elb_balancing import model, story
from labsim.builtin.elb_balancing.exercises import EXERCISES
from labsim.builtin.elb_balancing.params import ElbBalancingParams
from labsim.declare import Lab, with_theory

lab = Lab(
    home=Path(__file__).parent,
    slug="elb-balancing", title="A load balancer over three zones", order=7,
    summary="Turns or the shortest line, cookies, zones and health checks decide which targets "
            "drown while others idle, and what a dead one costs until it is noticed.",
    topics=("ELB",), Params=ElbBalancingParams, simulate=model.simulate,
    estimate=model.estimate, points=model.TICKS,
    metrics=with_theory(story.METRICS, latency_mean=story.LATENCY),
    presets=story.PRESETS,
    panels=story.PANELS, boxes=story.BOXES, links=story.LINKS, invariants=story.INVARIANTS,
    exercises=EXERCISES,
    headline=("latency_p95", "failed", "load_max", "cost_usd"),
    facts=("elb.algorithms", "elb.cross_zone_default", "elb.cross_zone_price_alb",
           "elb.stickiness_default", "elb.stickiness_scope", "elb.sticky_cross_zone",
           "elb.cookie_renewed", "elb.sticky_weighted_random",
           "elb.reserved_cookie_names", "elb.alb_hc_interval", "elb.alb_hc_timeout",
           "elb.hc_timeout_below",
           "elb.alb_healthy_threshold", "elb.alb_unhealthy_threshold",
           "elb.hc_rule", "elb.hc_success_code", "elb.fail_open_rule", "elb.dereg_delay",
           "elb.dereg_rule", "elb.slow_start", "elb.slow_start_rule",
           "elb.slow_start_enters", "elb.atw_rule", "elb.atw_least_targets", "elb.atw_most_share",
           "elb.atw_period_s", "elb.atw_workshop", "elb.alb_idle_timeout",
           "elb.nlb_idle_timeout", "elb.dns_ttl", "elb.nlb_static_ip", "elb.latency_alb_nlb",
           "elb.geneve_port", "elb.alb_lcu", "elb.alb_price"),
)
