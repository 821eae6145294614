"""Aurora's writer: pools and timeouts in a failover, a connection at a time, and RDS Proxy."""

from types import SimpleNamespace

import numpy as np
import pytest

import labsim
from labsim.engine import Simulation
from labsim.errors import ParameterError
from labsim.services import aurora
from labsim.services.aurora import writers
from labsim.services.aurora.writers import Outage, Pool, Proxy, Writers

LAB = labsim.lab("aurora-replicas")


def endpoint(lifetime=60.0, ttl=5.0, clients=4, pool=3, seed=1):
    """What `Writers` sees of an endpoint."""
    rng = np.random.default_rng(seed)
    return SimpleNamespace(client=np.repeat(np.arange(clients), pool), lifetime=lifetime, ttl=ttl,
                           shift=rng.random(clients) * ttl, phase=rng.random(clients * pool)
                           * lifetime)


def played(names, pool, outage, survives, until, dt=0.05):
    """The same a moment at a time, as a client would see it: (seconds without a write, seconds with
    a read-only error), of each connection."""
    failed, refused = np.zeros((2, len(names.client)))
    for i, client in enumerate(names.client):
        server = "old" if survives else ("hung" if outage.silent else "none")
        free = outage.down + (min(pool.socket_timeout, writers.TCP_GIVES_UP)
                              if server == "hung" else 0.0)     # when it may act next
        t, ends = outage.down, 0.0
        while t < until and server != "new":
            # The answer in hand: looked up when t + shift was last a multiple of the TTL.
            looked = t - (t + names.shift[client]) % names.ttl
            stale = looked < outage.back
            alive = t >= outage.demoted or survives
            if server == "old":
                over = pool.validation != "lifetime" or t >= ends > 0
                if not ends:
                    ends = names.phase[i] + names.lifetime * np.ceil(
                        (t - names.phase[i]) / names.lifetime)
                if over and not stale:
                    server = "new"
                    continue
                if over:
                    ends = 0.0
            elif t >= free:
                if stale and alive:
                    server = "old"
                    continue
                if not stale:
                    server = "new"
                    continue
                free = t + (pool.connect_timeout if outage.silent else 0.0)
            failed[i] += dt
            refused[i] += dt * (server == "old" and pool.validation != "before-use")
            t += dt
    return failed, refused


@pytest.mark.parametrize("validation", writers.VALIDATIONS)
@pytest.mark.parametrize("outage, values", [
    (Outage(100, 130, 250), {}), (Outage(100, 130, 135), {"ttl": 60}),
    (Outage(100, 130, 135), {"ttl": 60, "lifetime": 7.0}),
    (Outage(100, 130, np.inf), {"ttl": 20}), (Outage(100, 130, 160, True), {"ttl": 5}),
    (Outage(100, 130, 135, True), {"ttl": 60})])
def test_each_connection_fails_as_long_as_when_it_is_played(validation, outage, values):
    """Cut and hanging connections, old answers, lifetimes; a second of rounding in each."""
    names, pool = endpoint(**values), Pool(validation, 0.0, 4.0, 12.0)
    ours = Writers(names, pool, None, outage)
    failed, refused = played(names, pool, outage, False, 600)
    t = np.array([600.0])
    assert ours.failing(t)[0] == pytest.approx(failed.mean(), abs=0.5)
    assert ours.read_only(t)[0] == pytest.approx(refused.mean(), abs=0.5)


@pytest.mark.parametrize("validation", writers.VALIDATIONS)
@pytest.mark.parametrize("values", [{}, {"ttl": 40, "lifetime": 9.0}, {"lifetime": 300.0}])
def test_so_do_those_that_survive(validation, values):
    """They meet a read-only server until the pool parts with them and knows the new writer."""
    names, outage, pool = endpoint(**values), Outage(100, 130, 250), Pool(validation, 1.0)
    ours = Writers(names, pool, None, outage)
    failed, refused = played(names, pool, outage, True, 900)
    t = np.array([900.0])
    assert ours.failing(t)[0] == pytest.approx(failed.mean(), abs=0.5)
    assert ours.read_only(t)[0] == pytest.approx(refused.mean(), abs=0.5)


def test_nothing_survives_a_silent_failure_or_on_rds():
    """There is nobody to be read-only."""
    for values in ({"silent_failure": True}, {"engine": "rds", "multi_az": True}):
        s = LAB.run(LAB.Params(failover_at=600, surviving_share=1, **values)).summary
        assert s["writes_read_only"] == 0


@pytest.mark.parametrize("socket, connect, out", [
    (60, 10, 60), (40, 3, 40), (10, 10, 40), (1, 7, 36), (10_000, 10, 924.6)])
def test_a_silent_writer_is_missed_when_a_timeout_ends(socket, connect, out):
    """Attempts to connect begin then, and each takes its timeout until all know the new writer."""
    r = LAB.run(LAB.Params(failover_at=600, promotion_time=30, silent_failure=True,
                           socket_timeout=socket, connect_timeout=connect))
    assert r.summary["failover_s"] == pytest.approx(out, abs=0.01)


def test_a_proxy_holds_writes_for_its_borrow_timeout():
    """Those that wait longer fail: 540 s without a writer, 120 of them waited for."""
    def run(**values):
        return LAB.run(LAB.Params(failover_at=600, promotion_time=30, proxy=True,
                                  **values)).summary
    s = run(replicas=0, read_rate=1_000)
    assert s["failover_s"] == 540
    assert s["writes_failed"] == pytest.approx(200 * 420, rel=0.01)
    assert run(proxy_borrow_timeout=0)["writes_failed"] == pytest.approx(200 * 10.2, rel=0.05)
    assert run()["writes_failed"] == 0


@pytest.mark.parametrize("gain, engine, out", [
    (66, "aurora", 10.2), (79, "aurora", 6.3), (32, "rds", 61.2), (0, "aurora", 30)])
def test_what_a_proxy_saves(gain, engine, out):
    """Of 30 s on Aurora, of 90 s of a standby: RDS User Guide, up to 66%; AWS Database Blog, 79%
    of Aurora MySQL's and 32% of RDS MySQL's. And no DNS answer beyond."""
    p = LAB.Params(failover_at=600, promotion_time=30, proxy=True, proxy_gain=gain, engine=engine,
                   multi_az=engine == "rds", dns_ttl=300)
    assert LAB.run(p).summary["failover_s"] == pytest.approx(out)


def test_a_proxy_is_paid_for_by_the_vcpu_of_each_instance():
    """Four of them, 2 vCPUs each, 0.015 USD."""
    def build(sim):
        cluster = aurora.Cluster(sim, "db", capacity=1_000, replicas=3, proxy=Proxy())
        sim.send(100.0, to=aurora.Endpoint(sim, "r", cluster, lifetime=60))
    assert labsim.simulate(build, 3_600).summary["cost_usd"] == pytest.approx(
        4 * 0.164 + 4 * 2 * 0.015)


@pytest.mark.parametrize("make, name", [
    (lambda: Pool("never"), "validation"), (lambda: Pool(surviving=1.5), "surviving"),
    (lambda: Pool(connect_timeout=0), "connect_timeout"),
    (lambda: Pool(socket_timeout=float("nan")), "socket_timeout"),
    (lambda: Proxy(gain=2), "gain"), (lambda: Proxy(borrow_timeout=-1), "borrow_timeout"),
    (lambda: Proxy(vcpus=float("inf")), "vcpus")])
def test_what_cannot_be_is_refused(make, name):
    """With the argument's name."""
    with pytest.raises(ParameterError) as caught:
        make()
    assert caught.value.name == name


def test_a_failure_is_told_whether_it_is_silent():
    """In a system of one's own: the same outage, with and without a reset."""
    def failed(silent):
        sim = Simulation(1, 600.0, points=60)
        cluster = aurora.Cluster(sim, "db", capacity=1_000, write_rate=100,
                                 pool=Pool(socket_timeout=200.0))
        sim.send(100.0, to=aurora.Endpoint(sim, "r", cluster, lifetime=60))
        cluster.fail_writer(100, promotion=20, silent=silent)
        sim.run()
        return cluster.tally.writes_failed.sum()
    assert failed(False) == pytest.approx(100 * 22.5, rel=0.15)
    assert failed(True) == pytest.approx(100 * 200, rel=0.03)
