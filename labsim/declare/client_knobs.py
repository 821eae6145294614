"""The clients of a lab as every lab has them: how long they wait, and how they come back.

    class MyParams(ClientParams): ...
    retry = p.retry         # a `Retry`, or None: nobody waits for an answer
"""

from typing import Literal

from labsim.declare.params import Params, choice, flag, integer, number
from labsim.declare.retry import BASE, CAP, NONE, QUOTA, Breaker, Retry

CLIENTS = "Clients"
AT_ONCE = "at-once"
RETRIED = ("retry_mode", (AT_ONCE, "fixed", "exponential", "full-jitter", "decorrelated-jitter"))
SPACED = ("retry_mode", RETRIED[1][1:])


class ClientParams(Params):
    """Parameters of a lab whose clients may wait for an answer, and come back. A lab declares a
    field anew for another default or range."""

    client_timeout: float = number(
        0, unit="s", bounds=(0, 86_400), slider=(0, 30), step=0.5, label="Client timeout",
        group=CLIENTS, help="How long a client waits for an answer, each time; 0: as long as it "
                            "takes. Who has given up still costs the server its work.")
    retry_mode: Literal["none", "at-once", "fixed", "exponential", "full-jitter",
                        "decorrelated-jitter"] = choice(
        "none", label="Retries", group=CLIENTS,
        help="Whether a client tries again, and how it waits before it does.")
    max_attempts: int = integer(
        3, unit="attempts", bounds=(1, 20), slider=(1, 10), step=1, label="Attempts at most",
        group=CLIENTS, fact="sdk.standard_attempts", when=RETRIED,
        help="Attempts of a request in all, the first included.")
    retry_base: float = number(
        BASE, unit="s", bounds=(0.001, 600), slider=(0.1, 10), step=0.1,
        label="Wait before a retry", group=CLIENTS, fact="sdk.backoff_base_s", when=SPACED,
        help="Before the first retry; exponential backoff doubles it each time.")
    retry_cap: float = number(
        CAP, unit="s", bounds=(0.001, 3_600), slider=(1, 60), step=1, label="Longest wait",
        group=CLIENTS, fact="sdk.backoff_cap_s", help="Backoff grows no further than this.",
        when=("retry_mode", RETRIED[1][2:]))
    retry_quota: bool = flag(
        False, label="Retry budget", group=CLIENTS, fact="sdk.quota_rule", when=RETRIED,
        help="A client's bucket of retry tokens, as in the SDK's standard mode.")
    clients: int = integer(
        10, unit="clients", bounds=(1, 1_000_000), slider=(1, 500), step=1, label="Clients",
        group=CLIENTS, help="Clients, each with a retry budget and a circuit breaker of its own.")
    breaker: bool = flag(
        False, label="Circuit breaker", group=CLIENTS,
        help="A client whose last answers were mostly failures sends nothing for a while.")

    @property
    def retry(self) -> Retry | None:
        """What clients do when no answer comes; None: nobody waits for one."""
        again = self.retry_mode != NONE
        if not (again or self.client_timeout or self.breaker):
            return None
        return Retry(
            timeout=self.client_timeout or float("inf"),
            attempts=self.max_attempts if again else 1,
            backoff=NONE if self.retry_mode in (NONE, AT_ONCE) else self.retry_mode,
            base=self.retry_base, cap=self.retry_cap,
            budget=QUOTA if again and self.retry_quota else float("inf"),
            breaker=Breaker() if self.breaker else None, clients=self.clients)
