"""No part takes another one of a kind that does not belong there: each argument of each part, tried
with one of each kind. The error names the part, the argument, and what was given."""

import pytest
from test_arguments import (
    NAMED,
    PARTS,
    WORK,
    arguments,
    balancer,
    function,
    group,
    make,
    messages,
    metric,
    origin,
    site,
    table,
)

from labsim.declare import Asked
from labsim.engine import Simulation
from labsim.errors import ParameterError
from labsim.services import (
    api_gateway,
    aurora,
    autoscaling,
    cloudfront,
    cloudwatch,
    dynamodb,
    ebs,
    ec2,
    elasticache,
    elb,
    kms,
    lambda_,
    rds,
    s3,
    sqs,
)
from labsim.services.autoscaling.policies import Policy

# Argument: the parts that it takes, or what they can do.
TAKES = {
    "function": lambda_.Function, "cluster": aurora.Cluster, "group": autoscaling.Group,
    "tier": elb.WebTier, "fleet": ec2.Fleet, "metric": cloudwatch.Metric, "site": cloudfront.Site,
    "origin": cloudfront.Origin, "table": dynamodb.Table, "cache": elasticache.Cluster,
    "database": (ec2.Service, rds.Database, lambda_.Function, sqs.Queue), "queue": sqs.MessageQueue,
    "consumes": (sqs.Queue, elb.Balancer, elb.WebTier), "calls": Asked, "kms": kms.Quota,
    "client": sqs.Client, "dead_letters": sqs.MessageQueue, "to": elb.Balancer}
# Of each kind one, each made with a simulation.
ANY = (
    group, metric, site, origin, balancer, table, messages, function,
    lambda s: aurora.Cluster(s, "aurora", capacity=9.0), lambda s: ec2.Fleet(s, "machines"),
    lambda s: ebs.Volume(s, "disk"), lambda s: s3.Bucket(s, "bucket"),
    lambda s: sqs.Queue(s, "orders"), lambda s: elb.WebTier(s, "tier", 10.0),
    lambda s: rds.Database(s, "db", servers=2, work=WORK), lambda s: kms.Quota(s, "kms"),
    lambda s: elasticache.Cluster(s, "elasticache", keys=9, room=9))


@pytest.mark.parametrize("part", PARTS, ids=lambda part: f"{part.__module__}.{part.__name__}")
def test_no_part_takes_one_of_another_kind(part):
    """Whatever the argument: it is named, and so is what was given, by name and kind."""
    for name in arguments(part).keys() - {"sim", "name"}:
        for other in ANY:
            sim = Simulation(1, 3_600.0)
            given = other(sim)
            sim.parts.clear()       # those that the part is made of may have its name
            if isinstance(given, TAKES.get(name, ())) or (
                    issubclass(part, Policy) and name == "group" and hasattr(given, "scale_to")):
                continue
            with pytest.raises(ParameterError) as caught:
                make(part, name, given, sim)
                pytest.fail(f"{part.__name__}({name}={given!r}) is accepted")
            assert caught.value.name in (name, NAMED.get(name)), (name, str(caught.value))
            assert f"{given!r}, allowed " in str(caught.value), (name, str(caught.value))


def test_what_is_given_is_said_by_name_and_kind():
    """And what is allowed, too."""
    sim = Simulation(1, 60.0)
    database = rds.Database(sim, "d", servers=1, work=WORK)
    with pytest.raises(ParameterError) as caught:
        api_gateway.Gateway(sim, "g", database)
    assert str(caught.value) == (
        "g: function: given 'd', a rds.Database, allowed a lambda_.Function")
    with pytest.raises(ParameterError, match="policy: group: given 'fleet', an ec2.Fleet, allowed "
                                             "an autoscaling.Group or an aurora.Cluster"):
        autoscaling.TargetTracking(ec2.Fleet(sim, "fleet"), metric(sim), target=5, name="policy")
