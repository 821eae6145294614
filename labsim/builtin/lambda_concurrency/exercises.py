"""The questions of the lab `lambda-concurrency`; every number in an answer comes from the model."""

from labsim.builtin.lambda_concurrency.story import BURST, CROWD
from labsim.declare import Choice, Design, Explain, Predict, metric, percent
from labsim.services.lambda_ import rules
from labsim.text import format_value


def load(p) -> dict[str, str]:
    """What a load needs, in words."""
    return {"each": format_value(p.mean_duration, "s"),
            "needs": format_value(rules.concurrency(p.arrival_rate, p.mean_duration)),
            "allowed": format_value(rules.REQUESTS_PER_EXECUTION * p.limit(False), "req/s")}


def size(p) -> dict[str, str]:
    """How long the work takes with this memory and with a vCPU's, in words."""
    one = rules.duration(p.cpu_time, rules.MB_PER_VCPU)
    return {"share": format_value(rules.vcpus(p.memory)), "one": format_value(one, "s"),
            "full": format_value(rules.MB_PER_VCPU, "MB")}


UNDER_WAY = {"arrival_rate": 1_000, "spike_factor": 1, "cpu_time": 0.1, "wait_time": 0.05,
             "duration": 60, "provisioned": 250}
SHORT = {"arrival_rate": 300, "spike_factor": 1, "cpu_time": 0.02, "wait_time": 0, "reserved": 20,
         "duration": 30, "init_time": 0.01, "work_cv": 0}
TINY = {"memory": 256, "cpu_time": 1, "wait_time": 0, "arrival_rate": 5, "spike_factor": 1,
        "init_time": 0, "work_cv": 0}
TIGHT = {"arrival_rate": 50, "spike_factor": 1, "cpu_time": 1, "wait_time": 0, "reserved": 50,
         "duration": 200, "init_time": 0, "work_cv": 1}
FAILING = {"caller": "asynchronous", "arrival_rate": 1, "spike_factor": 1, "error_share": 1,
           "cpu_time": 0.1, "wait_time": 0, "duration": 600, "init_time": 0}
SELDOM = {"arrival_rate": 0.003, "spike_factor": 1, "cpu_time": 0.1, "wait_time": 0,
          "duration": 800_000}
AT_ONCE = {**CROWD, "retry_mode": "at-once"}

EXERCISES = (
    Predict(
        id="under-way", runs=(UNDER_WAY,), ask=metric("concurrency_mean"), unit="executions",
        within=0.08, numbers=load,
        question="{arrival_rate}, {each} each, no cold starts. How many executions are under way "
                 "on average?",
        hints=("How many came within the time that one of them takes?",
               "Little's law: rate times duration."),
        solution="{arrival_rate} times {each}: {needs}; the model gives {answer}. That is the "
                 "number that the account's limit is about, not requests a second."),
    Predict(
        id="too-often", runs=(SHORT,), ask=percent("throttled_share"), unit="%", within=0.12,
        numbers=load,
        question="A function with {reserved} reserved gets {arrival_rate}, {each} each. How many "
                 "per cent are throttled?",
        hints=("Few are under way: {needs}. Is there another limit?",
               "Ten requests a second for each unit of concurrency: {allowed}."),
        solution="{needs} under way would be allowed, but only {allowed}: {answer} are throttled. "
                 "For very short functions it is the requests that count."),
    Predict(
        id="tiny", runs=(TINY,), ask=metric("latency_mean"), unit="s", within=0.05, numbers=size,
        question="{cpu_time} of work on one thread, and an environment with {memory}. How long "
                 "does a request take?",
        hints=("CPU comes with memory: a whole vCPU with {full}.",
               "There is {share} of a vCPU."),
        solution="{one} with a whole vCPU, and here there is {share} of one: {answer}. Up to "
                 "{full} it costs the same whatever the memory, since duration times memory stays; "
                 "it is only slower."),
    Predict(
        id="erlang", runs=(TIGHT,), ask=percent("throttled_share"), unit="%", within=0.35,
        numbers=load,
        question="{arrival_rate} of {each} on average, and {reserved} reserved: just as many as "
                 "are needed. How many per cent are throttled?",
        hints=("It is enough on average. When is it not?",
               "Nobody waits: Erlang's formula B for {needs} erlangs on as many servers."),
        solution="About a tenth: {answer} in the model, though it is just enough on average. "
                 "Requests come at random, and a moment's excess is lost and not made up for."),
    Predict(
        id="attempts", runs=(FAILING,), ask=lambda r: r.summary["invocations"]
        / r.summary["offered"], unit="invocations", within=0.08,
        question="A function fails at every event, at once. Events come asynchronously for "
                 "{duration}. How often is it invoked per event, about?",
        hints=("How many attempts has each event, and when?",
               "Three, the last one three minutes after the first: some events are not there "
               "yet."),
        solution="Three in the end, after nothing, one and two more minutes: {answer} so far in "
                 "the run. Then the event goes to the dead-letter queue, if there is one."),
    Explain(
        id="neighbour",
        question="A function with a steady small load is throttled each night at two. Nobody has "
                 "changed it. What is the likely cause?",
        choices=(
            Choice("Its environments are recycled at night.",
                   "Then there would be cold starts, not throttles."),
            Choice("A nightly job of another function uses up the account's concurrency.",
                   "All functions of a region share one limit.", right=True),
            Choice("Its memory is too small.", "That makes it slow at any hour."),
            Choice("The API Gateway's cache expires.",
                   "That would bring more requests, but a small load stays small.")),
        hints=("What do functions of an account share?",
               "Compare the presets with neighbours."),
        solution="One limit for all. Reserve some concurrency for the function, or for the job: "
                 "a reservation is a guarantee and a ceiling at once."),
    Explain(
        id="ushers",
        question="A queue feeds a function with a reserved concurrency of five. Messages end up in "
                 "the dead-letter queue though the function never fails. Why?",
        choices=(
            Choice("The queue's retention is too short.", "Then they would be gone altogether."),
            Choice("A batch that is throttled until its visibility timeout has run out counts as "
                   "received, until its receives are used up.",
                   "The pollers begin with five and grow; whatever they can't bring in comes back, "
                   "one receive older.", right=True),
            Choice("Lambda deletes messages that it can't run.",
                   "It never deletes what has not been done."),
            Choice("The visibility timeout is too long.",
                   "A long one gives a throttled batch more time to be tried again.")),
        hints=("Who decides how many batches are tried at a time: the function or the pollers?",
               "Set the maximum concurrency of the event source in that preset."),
        solution="Limit at the source: maximum concurrency makes the pollers take no more than the "
                 "function can. With a reservation alone, follow the advice of AWS: a visibility "
                 "timeout of six times the function's, and five receives."),
    Explain(
        id="single-file",
        question="One record of a Kinesis stream makes the function fail every time. What do the "
                 "others do?",
        choices=(
            Choice("They pass; the bad record goes to the dead-letter queue at once.",
                   "Only after its attempts or its age are used up, and by default they never "
                   "are until it expires."),
            Choice("All shards stop.", "Only its own."),
            Choice("Those of its shard wait behind it.",
                   "Order within a shard is kept, so nobody overtakes.", right=True),
            Choice("They are throttled.", "There is concurrency enough; it isn't used.")),
        hints=("What does a stream promise that a queue doesn't?",
               "Raise the errors in the preset of the stream, and set the attempts of a batch."),
        solution="Set attempts, an age, and a destination for failures; splitting a batch in two "
                 "finds the bad record soon."),
    Design(
        id="cheapest", start={"arrival_rate": 30, "spike_factor": 1, "cpu_time": 2,
                              "wait_time": 0.2, "duration": 120, "memory": 512, "threads": True,
                              "init_time": 1},
        free=("memory", "provisioned", "reserved"),
        goals=(("failed", "<=", 0.0), ("latency_p99", "<=", 2.5)),
        good={"memory": 3_000}, slack=1.06,
        question="{cpu_time} of work that can use several vCPUs, {wait_time} of waiting, "
                 "{memory} of memory. Meet the goals at the least cost.",
        hints=("What does more memory cost as long as all of it works?",
               "Only the waiting gets dearer with memory. So take as much as the goal needs."),
        solution="{answer}: work costs the same at any size, waiting costs by the size."),
    Design(
        id="source", start=BURST,
        free=("max_concurrency", "visibility_timeout", "reserved"),
        goals=(("failed", "<=", 0.0), ("throttled", "<=", 0.0), ("concurrency_max", "<=", 5.0)),
        good={"max_concurrency": 5},
        question="The database behind the function bears five at a time, hence {reserved} "
                 "reserved. Messages are dead-lettered. Mend it: no loss, no throttles.",
        hints=("Who should be told that there are only five?", "The pollers of the queue."),
        solution="{answer}: the queue waits, as queues should, and nobody is turned away."),
    Predict(
        id="seldom", runs=(SELDOM,), ask=percent("cold_start_share"), unit="%", within=0.2,
        question="Requests come at random, {arrival_rate} on average. A function idle for "
                 "{keep_time} has no environment any more. How many per cent of the requests meet "
                 "a cold start?",
        hints=("Whom does it meet? Those before whom nobody came for so long.",
               "Gaps between random requests are exponential: e to the power of minus rate times "
               "time are longer."),
        solution="{answer} in the model. Nobody comes for {keep_time} before nearly as many; the "
                 "others lose their environment to its age or to chance."),
    Predict(
        id="at-once", runs=(AT_ONCE,), ask=metric("amplification"), unit="x", within=0.1,
        question="A crowd comes within a second, and {reserved} reserved can't take it: about two "
                 "in five get in, the others are throttled. Their clients try again at once, "
                 "{max_attempts} in all. How many attempts are there per request?",
        hints=("What has changed between an attempt and the next one, at once?",
               "Nothing. Who was throttled uses up all attempts in one moment."),
        solution="One for who gets in, all of them for who doesn't: {answer}, and not a request "
                 "more is answered than without retries. A retry helps if it waits until something "
                 "has changed, and helps most if not all wait for the same time."),
)
