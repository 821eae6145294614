"""The parameters of the lab `retry-storms`: name, unit, range and meaning of each, said once."""

from typing import Literal

from labsim.declare import (
    BY_RATE,
    ClientParams,
    TraceParams,
    check_spikes,
    choice,
    every_knob,
    flag,
    integer,
    number,
    spike_knobs,
)
from labsim.declare.client_knobs import CLIENTS
from labsim.services.elb import rules

LOAD, WEB, CACHE, DATABASE = "Load", "Web servers", "Cache", "Database"
CACHED = ("cached", (True,))
PATIENT = 100_000       # requests in a line that has no end


class RetryStormsParams(ClientParams, TraceParams):
    """Parameters of `retry-storms`."""

    rates = ("request_rate",)

    request_rate: float = number(
        20, unit="req/s", bounds=(0, 10_000), slider=(0, 60), step=1, label="Request rate",
        group=LOAD, when=BY_RATE, help="Requests per second that users want, retries not counted.")
    spike_factor: float
    spike_start: float
    spike_duration: float
    spike_factor, spike_start, spike_duration = spike_knobs(
        1, 20, 10, group=LOAD, starts=(0, 120), lasts=(0, 60), steps=(0.5, 5, 5),
        when=BY_RATE)
    spike_every: float = every_knob(LOAD, when=BY_RATE)
    duration: float = number(
        60, unit="s", bounds=(10, 8_640_000), slider=(30, 300), step=10, label="Duration",
        group=LOAD, help="Simulated time.")

    targets: int = integer(
        2, unit="instances", bounds=(1, 100), slider=(1, 12), step=1, label="Targets", group=WEB,
        help="Web servers behind the load balancer, in two zones.")
    threads: int = integer(
        64, unit="threads", bounds=(1, 10_000), slider=(1, 128), step=1, label="Threads",
        group=WEB, help="Requests that a web server works on at a time, each until it has all "
                        "answers that it needs.")
    work_time: float = number(
        0.02, unit="s", bounds=(0.001, 60), slider=(0.01, 0.3), step=0.01, label="Work",
        group=WEB, help="How long a web server works on a request itself, on average.")
    contention: float = number(
        0, unit="%", bounds=(0, 100), slider=(0, 10), step=0.5, label="Contention", group=WEB,
        help="How much longer that takes for each other request at hand: memory that has to be "
             "cleaned up, locks.")
    max_queue: int = integer(
        PATIENT, unit="requests", bounds=(0, PATIENT), slider=(0, 100), step=1,
        label="Queue at most", group=WEB,
        help="So many wait at a web server; who comes then is refused at once (load shedding).")
    queue_order: Literal["fifo", "lifo"] = choice(
        "fifo", label="Queue order", group=WEB,
        help="Who is served first: first in, first out, or last in, first out.")
    max_wait: float = number(
        0, unit="s", bounds=(0, 3_600), slider=(0, 5), step=0.1, label="Wait at most", group=WEB,
        help="Who has waited so long at a web server is turned away; 0: nobody.")
    algorithm: Literal["round_robin", "least_outstanding_requests", "weighted_random"] = choice(
        rules.ROUND_ROBIN, label="Algorithm", group=WEB, fact="elb.algorithms",
        help="How the load balancer picks a target.")
    anomaly_mitigation: bool = flag(
        False, label="Anomaly mitigation", group=WEB, when=("algorithm", (rules.RANDOM,)),
        help="Targets with unusually many errors get less.")

    cached: bool = flag(
        False, label="A cache", group=CACHE, help="Whether there is a cache before the database.")
    keys: int = integer(
        300, unit="items", bounds=(1, 100_000), slider=(10, 5_000), step=10, label="Items",
        group=CACHE, when=CACHED, help="Different things that are asked for.")
    skew: float = number(
        0.6, unit="", bounds=(0, 3), slider=(0, 2), step=0.1, label="Skew of popularity",
        group=CACHE, when=CACHED, help="Zipf exponent; 0: all items are asked for as often.")
    cache_items: int = integer(
        100_000, unit="items", bounds=(1, 100_000), slider=(10, 5_000), step=10,
        label="Room in the cache", group=CACHE, when=CACHED, help="Items that fit.")
    ttl: float = number(
        0, unit="s", bounds=(0, 86_400), slider=(0, 120), step=5, label="TTL", group=CACHE,
        when=CACHED, help="How long an item stays; 0: until there is no room for it.")
    ttl_jitter: float = number(
        0, unit="of TTL", bounds=(0, 1), slider=(0, 1), step=0.05, label="TTL jitter", group=CACHE,
        when=CACHED, help="By what share each item's TTL is shorter at most, at random.")
    lock: bool = flag(
        False, label="Lock", group=CACHE, when=CACHED,
        help="Of those who miss an item only the first asks the database.")

    query_time: float = number(
        0.06, unit="s", bounds=(0.001, 60), slider=(0.01, 0.5), step=0.01, label="Query",
        group=DATABASE, help="How long the database works on a query, on average.")
    vcpus: int = integer(
        2, unit="vCPU", bounds=(1, 128), slider=(1, 8), step=1, label="vCPUs", group=DATABASE,
        help="Queries that the database works on at a time.")
    shed_after: float = number(
        0, unit="s", bounds=(0, 3_600), slider=(0, 5), step=0.1, label="Wait at most",
        group=DATABASE, help="A query that has waited so long is turned away; 0: none.")
    cancels: bool = flag(
        False, label="Cancel queries", group=DATABASE,
        help="Whether the database drops a waiting query whose web server has given up.")
    pool: int = integer(
        PATIENT, unit="connections", bounds=(1, PATIENT), slider=(1, 64), step=1,
        label="Connections", group=DATABASE,
        help="Of all web servers together to the database, at most; who gets none waits for one, "
             "and keeps his thread.")
    database_timeout: float = number(
        0, unit="s", bounds=(0, 3_600), slider=(0, 5), step=0.1, label="Database timeout",
        group=DATABASE, help="How long a web server waits for the database, each time; 0: as long "
                             "as it takes.")
    database_attempts: int = integer(
        1, unit="attempts", bounds=(1, 10), slider=(1, 5), step=1, label="Attempts at most",
        group=DATABASE, help="How often a web server asks the database for one request.")

    client_timeout: float = number(
        1, unit="s", bounds=(0, 86_400), slider=(0, 10), step=0.1, label="Client timeout",
        group=CLIENTS, help="How long a client waits for an answer, each time; 0: as long as it "
                            "takes. Who has given up still costs the servers their work.")
    retry_mode: Literal["none", "at-once", "fixed", "exponential", "full-jitter",
                        "decorrelated-jitter"] = choice(
        "full-jitter", label="Retries", group=CLIENTS,
        help="Whether a client tries again, and how it waits before it does.")
    retry_base: float = number(
        0.1, unit="s", bounds=(0.001, 600), slider=(0.1, 10), step=0.1,
        label="Wait before a retry", group=CLIENTS,
        when=("retry_mode", ("fixed", "exponential", "full-jitter", "decorrelated-jitter")),
        help="Before the first retry; exponential backoff doubles it each time.")
    clients: int = integer(
        1, unit="clients", bounds=(1, 1_000_000), slider=(1, 50), step=1, label="Clients",
        group=CLIENTS, help="Programs that ask for the users, each with a retry budget and a "
                            "circuit breaker of its own.")

    def check(self) -> None:
        """A spike is over before the next one begins."""
        check_spikes(self)
