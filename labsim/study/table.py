"""The table of a study: a `DataFrame` that draws itself.

Picture a ledger whose last page folds out into a chart of its own columns. It needs pandas, so it
is imported where a table is made.
"""

import pandas as pd

from labsim.errors import LabsimError
from labsim.study.curve import Curve, CurveLine, LeftOut, Point
from labsim.study.readings import readings
from labsim.study.turned import Turned, turned


class StudyTable(pd.DataFrame):
    """The rows of a study of `lab` over the columns `over`, each with the seeds `seeds`.

    What is cut out of it is a plain DataFrame.
    """

    _metadata = ["lab", "over", "seeds", "confidence"]

    def plot(self, *metrics: str, over: str | None = None, by: str | None = None) -> Curve:
        """The metrics (by default the lab's headline ones) over a column, with a line for each
        value of `by`: a figure that shows itself (`labsim.study.curve.Curve`).

        over: by default the column with most values; by: the other one. `LabsimError` where a study
        over more than two parameters does not say which rows are meant.
        """
        lab = self.lab
        for name in filter(None, (over, by)):
            lab.Params.refuse_unknown([name])
        sizes = {name: self[name].nunique() for name in self.over}
        over = over or max((n for n in sizes if n != by), key=lambda n: sizes[n])
        others = [name for name in sizes if name not in (over, by) and sizes[name] > 1]
        if by is None and others:
            by = others.pop(0)
        if others or over not in sizes or (by and by not in sizes):
            raise LabsimError(f"a figure has an axis and lines: of {', '.join(sizes)}, choose two, "
                              "and take the rows of one value of the others for another study")
        axis, lines = (name and turned(lab, {name: self[name].drop_duplicates().tolist()}, what, 1)
                       for name, what in ((over, "over"), (by, "by")))
        wanted = readings(lab, metrics)
        made, left = [], []
        for place in lines.places if lines else [None]:
            label = place.label if place else ""
            rows = self if place is None else self[self[by] == place.value]
            left += [LeftOut(label, _called(axis, row), row["error"])
                     for row in rows[rows["error"] != ""].to_dict("records")]
            made += [CurveLine(label, reading, tuple(
                Point(row[over], row["mean"], row["low"], row["high"])
                for row in rows[rows["metric"] == reading.name].to_dict("records")))
                for reading in wanted]
        return Curve(lab, axis, lines, tuple(made), self.seeds, self.confidence, tuple(left))


def _called(axis: Turned, row: dict) -> str:
    return next(place.label for place in axis.places if place.value == row[axis.name])
