"""The questions of the lab `sqs-asg`; every number in an answer comes from the model."""

from labsim.declare import Back, Choice, Design, Explain, Peak, Predict, Sketch
from labsim.text import format_value


def drained_after_spike(result) -> float:
    """Seconds from the end of the spike until fewer than ten messages wait."""
    p, queue = result.params, result.series["queue"]
    end = p.spike_start + p.spike_duration
    return float(queue.t[(queue.t > end) & (queue.value < 10)][0] - end)


def first_help(result) -> float:
    """Seconds from the start of the spike until an instance is added."""
    launched = next(e.t for e in result.events if e.kind == "scale-out")
    return launched + result.summary["launch_s"] - result.params.spike_start


def flows(p) -> dict[str, str]:
    """The rates behind the backlog, in words, for a run in which nobody scales."""
    capacity, peak = p.instances / p.service_time, p.arrival_rate * p.spike_factor
    pile = (peak - capacity) * p.spike_duration
    spare = capacity - p.arrival_rate
    return {"capacity": format_value(capacity, "msg/s"), "peak": format_value(peak, "msg/s"),
            "growth": format_value(peak - capacity, "msg/s"),
            "pile": format_value(pile, "messages"),
            "spare": format_value(spare, "msg/s"), "drain": format_value(pile / spare, "s"),
            "times": format_value(pile / spare / p.spike_duration),
            "load": format_value(p.arrival_rate / capacity)}


def delays(p) -> dict[str, str]:
    """What must pass before help arrives, in words."""
    return {"more": format_value((p.high_datapoints - 1) * p.metric_period, "s")}


def depths(p) -> dict[str, str]:
    """What one depth means to groups of different sizes, in words."""
    return {"capacity": format_value(p.instances / p.service_time, "msg/s"), "more": "sixty",
            "sooner": format_value(p.backlog * p.service_time / 60, "s"),
            "later": format_value(p.backlog * p.service_time, "s")}


def spike(p) -> tuple:
    """The spike, as it is shaded."""
    return ((p.spike_start, p.spike_start + p.spike_duration, "spike"),)


NOBODY = {"policy": "none", "duration": 14_400}

EXERCISES = (
    Predict(
        id="backlog-of-the-spike", runs=(NOBODY,), ask=lambda r: r.summary["queue_max"],
        unit="messages", numbers=flows,
        question="Nobody scales: {instances}, {service_time} per message, and a spike of {peak} "
                 "that lasts {spike_duration}. How many messages wait when it ends?",
        hints=("How many messages per second can the instances finish?",
               "The backlog grows by what arrives beyond that, every second of the spike."),
        solution="The instances finish {capacity}, so {growth} of the {peak} pile up for "
                 "{spike_duration}: about {pile}. The model gives {answer}."),
    Predict(
        id="catching-up", runs=(NOBODY,), ask=drained_after_spike, unit="s", numbers=flows,
        question="The same run: after the spike {arrival_rate} arrive again. How many seconds "
                 "does it take until the backlog is gone?",
        hints=("Not capacity works the backlog off, but spare capacity.",
               "{capacity} are finished and {arrival_rate} arrive: {spare} remain for the "
               "backlog."),
        solution="About {pile} at {spare}: {drain}, {times} times as long as the spike itself. "
                 "The model gives {answer}. At a utilization of {load}, each second of trouble "
                 "is paid for many times over."),
    Predict(
        id="first-help", runs=({"user_data_time": 0},), ask=first_help, unit="s", numbers=delays,
        question="A golden AMI: the metric is read every {metric_period}, the alarm needs "
                 "{high_datapoints} in a row, an instance boots in {boot_time}. How many seconds "
                 "after the spike begins does the first new instance take work?",
        hints=("Add up: until a reading is above the target, until the alarm is sure, until "
               "the instance has booted.",
               "The first reading above the target comes one period after the start; then the "
               "alarm waits {more} more."),
        solution="{metric_period} until the first high reading, {more} for the other datapoints, "
                 "{boot_time} to boot: {answer}. The alarm, not the boot, is most of it."),
    Explain(
        id="sawtooth",
        question="In the preset of scale-in on an empty queue the load is steady, yet the group "
                 "shrinks to its minimum, again and again. Why?",
        choices=(
            Choice("The cooldown is too short.", "Target tracking does not use the cooldown at "
                                                 "all; only simple scaling does."),
            Choice("No message waits, so backlog per instance says that no instance is needed, "
                   "although all of them are busy.",
                   "The metric counts visible messages only: in flight ones are work, too, but "
                   "they do not count.", right=True),
            Choice("Instances take too long to boot.", "A slow boot makes the spike after each "
                                                       "scale-in worse, but does not cause "
                                                       "the scale-in."),
            Choice("The messages are lost, and the group has nothing to do.",
                   "Nothing is lost for good: whatever an instance drops comes back.")),
        hints=("Look at the backlog just before the group shrinks, and at the instances.",
               "What does the metric read when every message is taken at once?"),
        solution="Backlog per instance is zero both when the group is idle and when it is busy "
                 "and just keeps up. A sensible minimum size, a second policy on utilization, or "
                 "a metric with in-flight messages cures it."),
    Explain(
        id="returned",
        question="At a scale-in some messages are received a second time a little later. Which "
                 "setting makes that stop without keeping more instances?",
        choices=(
            Choice("A longer visibility timeout.", "Then they come back even later."),
            Choice("A shorter metric period.", "It changes when the group scales in, not what "
                                               "happens to the message in hand."),
            Choice("A lifecycle hook that lets an instance finish its message.",
                   "Drained instances end their work before they end.", right=True),
            Choice("A larger target backlog.", "It changes how many instances there are, not "
                                               "how they go.")),
        hints=("What is an instance doing when the group decides to terminate it?",
               "The message is in flight with a consumer that no longer exists; compare "
               "the presets with and without a hook."),
        solution="Without a hook the instance is gone in the middle of its message, which stays "
                 "hidden until its visibility timeout ends and then starts from the beginning. "
                 "A termination hook (Terminating:Wait) gives it the time to finish."),
    Design(
        id="two-minutes", start={"metric_period": 300, "low_datapoints": 3,
                                 "user_data_time": 240},
        free=("target_backlog", "metric_period", "high_datapoints", "low_datapoints", "warmup",
              "max_size", "user_data_time"),
        goals=(("wait_p95", "<=", 120.0),),
        good={"target_backlog": 20, "metric_period": 10, "high_datapoints": 3,
              "low_datapoints": 5, "max_size": 34, "user_data_time": 0},
        question="Start from the spike preset: a metric period of {metric_period}, and "
                 "{user_data_time} of user data. Meet the goal at the least cost.",
        hints=("Three delays add up: noticing, deciding, booting. Cut the largest first.",
               "Once help is early, less of it is needed: a smaller maximum, and a low alarm "
               "that sends it home sooner, make it cheap."),
        solution="A golden AMI and a high-resolution alarm bring help early; a low alarm of a "
                 "few datapoints and a modest maximum keep the bill small: {answer}."),
    Predict(
        id="what-depth-means", runs=({"policy": "none", "workload": "steady", "arrival_rate": 0,
                                      "backlog": 300, "service_cv": 0},),
        ask=lambda r: r.summary["oldest_age_max"], unit="s", numbers=depths,
        question="An alarm on queue depth rings: {backlog} wait, {instances} work, each message "
                 "takes {service_time}, and nothing more comes. After how many seconds is the last "
                 "one done?",
        hints=("How many messages does the group finish per second?",
               "{capacity}. Divide the depth by that."),
        solution="{backlog} at {capacity}: {answer}. With {more} instances the same depth is gone "
                 "in {sooner}, and with one in {later}: the alarm rings just the same. Backlog per "
                 "instance tells them apart."),
    Explain(
        id="depth-overshoots",
        question="In the preset with the alarm on queue depth the group still grows while the "
                 "backlog shrinks: it already finishes more than arrives. Why?",
        choices=(
            Choice("The instance warm-up is too short.", "During it the group counts those that "
                   "are on their way; those that serve already are the ones it adds to."),
            Choice("The depth is above the threshold, whatever the number of instances.",
                   "The metric does not see that they will have worked it off in a minute or two.",
                   right=True),
            Choice("The alarm looks at too few datapoints.", "More of them make it ring later, and "
                                                             "fall silent later, too."),
            Choice("Messages come back after their visibility timeout.",
                   "None is lost before the first scale-in.")),
        hints=("Compare the depth with what the group finishes in a minute.",
               "What would backlog per instance say at that moment?"),
        solution="An alarm on depth is on or off. It asks for more as long as it is on, and each "
                 "time by steps that somebody has guessed. The right number of instances for a "
                 "depth follows from the time per message, which the depth does not contain."),
    Explain(
        id="limit-in-flight",
        question="In the preset of the limit in flight a fleet has more threads than the queue "
                 "lets be in flight, {in_flight_limit}, and more messages wait than that; yet part "
                 "of the fleet has nothing to do. What helps?",
        choices=(
            Choice("More instances.", "Their threads get nothing either: the limit is the "
                                      "queue's."),
            Choice("A longer visibility timeout.", "In flight is what was received and is not yet "
                                                   "deleted, however long it may take."),
            Choice("A second queue, or a higher quota.", "The limit holds for each queue.",
                   right=True),
            Choice("Long polling.", "It spares empty answers, but brings no message.")),
        hints=("Which number in the system picture does not move?",
               "A message leaves the flight when it is deleted. Who waits for that?"),
        solution="At the limit a long poll comes back empty (a short one with the error OverLimit) "
                 "until somebody deletes a message. Several queues, a higher quota, or work in "
                 "smaller pieces, each deleted when it is done."),    Explain(
        id="stale-queue",
        question="In the preset of clients who come back the spike is long over, and the instances "
                 "finish more than clients want. Yet nobody gets an answer in time, for as long as "
                 "you look. Why?",
        choices=(
            Choice("The instances work too slowly.", "Without the spike the same instances answer "
                                                     "everybody."),
            Choice("The visibility timeout is too short: messages are worked on twice.",
                   "Consumers renew it; nothing here is received twice."),
            Choice("The next message is always one whose sender has given up, and who gives up "
                   "sends another one.",
                   "The work is done for nobody, and the retries are more than the instances "
                   "finish.", right=True),
            Choice("The clients wait too long before they try again.", "They try again at once; "
                   "waiting would not take the old messages out of the queue.")),
        hints=("How old is a message when it is taken, and how long does its sender wait?",
               "Multiply the load by the attempts, and compare it with what is finished."),
        solution="First come, first served makes everybody wait for the same too long time. With "
                 "all attempts the load is beyond what the instances finish, so the queue never "
                 "gets short again. Dropping what is too old, the newest first, fewer attempts or "
                 "a circuit breaker end it; more instances end it at a price."),
    Sketch(
        id="draw-the-backlog", run={}, series="queue", label="Backlog", unit="messages",
        top=4_000, end=2_700, known=600, shades=spike, numbers=flows,
        rules=(Peak(when=0.1, height=0.6), Back(below=0.06, within=0.12)),
        question="{arrival_rate} arrive, and {peak} in a spike of {spike_duration}; a group of "
                 "{instances} follows its backlog per instance. Draw the backlog: when is it "
                 "highest, and when is it gone?",
        hints=("It grows until help is there. When is that: at the end of the spike, or before?",
               "The alarm and the boot take five or six minutes; then so many instances come that "
               "the backlog is gone while the spike lasts."),
        solution="Highest: {answer}, when the new instances begin to work, not when the spike "
                 "ends. They are more than the load needs, so that the backlog falls as quickly "
                 "as it grew."),
)
