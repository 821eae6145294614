"""What is no data: the AWS CLI's other outputs, its errors, a page of HTML. Each is refused with
what to do."""

import re

from labsim.traces.text_file import TraceError

JSON = "expected JSON: add --output json"
KINDS = (
    (r"\s*(An error occurred|Unable to locate credentials|aws: error|usage: aws)",
     "an error of the AWS CLI, no data: {line}"),
    (r"\s*(<!doctype|<html|<\?xml|<\w+[ >])", "a web page or XML, no data: was there a login in "
                                              "between?"),
    (r"\s*-{10,}\s*\n\s*\|", f"the AWS CLI's table, {JSON}"),
    (r"\S*\s*\nDATAPOINTS\t|DATAPOINTS\t|METRICDATARESULTS\t|\S*\nMETRICDATARESULTS",
     f"the AWS CLI's text, {JSON}"),
    (r"(Datapoints|Label|MetricDataResults|Messages):( |\n)", f"YAML, {JSON}"),
)


def columns(source):
    """Nothing; `TraceError` for one of these."""
    for form, what in KINDS:
        if re.match(form, source.head, re.I):
            line = source.head.strip().splitlines()[0][:120]
            raise TraceError(f"1: {what.format(line=line)}")
