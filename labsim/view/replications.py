"""Many runs behind the one that is shown: how much of it is luck?

Picture an assistant in the next room who repeats the experiment with other seeds and calls out
each result; you go on with yours, and may send the assistant home at any time.

The runs are made one after the other in a thread of their own. A change of the parameters stops
them; what was under way is dropped within a few hundredths of a second. A browser's Python has no
threads: there each look of the explorer makes one run (`step`).
"""

import math
import threading
from collections.abc import Callable

import numpy as np

from labsim.engine import Budget, Cancelled
from labsim.errors import LabsimError
from labsim.statistics import half_width

BAND = (5, 95)      # percentiles over the runs, at each instant


class Replications:
    """`wanted` runs of `lab` with these parameters, from `seed` on.

    on_run() is called in the thread after each run. `runs` counts those made; `note` says why
    their mean has no interval.
    """

    def __init__(self, lab, params, seed: int, wanted: int, budget: Budget,
                 on_run: Callable[[], None]):
        self.wanted, self.error, self.note = wanted, "", ""
        self._lab, self._params, self._seed, self._budget = lab, params, seed, budget
        self._on_run, self._stop = on_run, threading.Event()
        self._names = list(dict.fromkeys(       # a series may be in two panels
            line.series for panel in lab.panels for line in panel.lines if line.series))
        self._summaries: list[dict[str, float]] = []
        self._curves: dict[str, list[np.ndarray]] = {name: [] for name in self._names}
        self._thread = threading.Thread(target=self._work, daemon=True)

    def start(self) -> None:
        """Begin, in the background where there are threads."""
        try:
            self._thread.start()
            self.stepwise = False
        except RuntimeError:        # Python in a browser
            self.stepwise = True

    def step(self) -> None:
        """Where there are no threads, make the next run."""
        if self.stepwise:
            self._next()

    def cancel(self) -> None:
        """Stop now; what has been made stays. Waits for the thread to have ended."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()

    def wait(self) -> None:
        """Until all runs are made, or cancelled."""
        if self.stepwise:
            self._work()
        else:
            self._thread.join()

    @property
    def runs(self) -> int:
        """Runs made so far."""
        return len(self._summaries)

    def interval(self, metric: str, confidence: float = 0.95) -> tuple[float, float] | None:
        """Mean of a metric, and half the confidence interval of the mean (NaN where scipy, which
        knows it, is missing); None before two runs."""
        values = [summary[metric] for summary in list(self._summaries)]
        if len(values) < 2:
            return None
        try:
            half = half_width(values, confidence)
        except LabsimError as error:
            half, self.note = math.nan, str(error)
        return sum(values) / len(values), half

    def bands(self) -> dict[str, tuple[np.ndarray, np.ndarray]]:
        """{series: (low, high)} at each instant: nine of ten runs lie between them."""
        if self.runs < 2:
            return {}
        return {name: tuple(np.percentile(curves[:self.runs], BAND, axis=0))
                for name, curves in self._curves.items()}

    def _work(self) -> None:
        while self._next():
            pass

    def _next(self) -> bool:
        """Make one run; whether there is one more to make."""
        if self._stop.is_set() or self.error or self.runs >= self.wanted:
            return False
        try:
            result = self._lab.run(self._params, self._seed + self.runs, budget=self._budget,
                                   stop=self._stop)
            for name in self._names:
                self._curves[name].append(result.series[name].value)
            self._summaries.append(result.summary)
        except Cancelled:
            return False
        except LabsimError as error:    # said where the learner looks; the last picture stays
            self.error = str(error)
        self._on_run()
        return True
