"""Amazon Kinesis Data Streams, the bill.

Picture the rent of a post office: so much for each counter that is open, and a little for each
begun parcel; or no rent at all, and more for every kilo.

*Models:* shard hours and PUT payload units, enhanced fan-out by shard and by volume, on-demand
streams by the hour and by volume. *Leaves out:* extended retention, data transfer, free tiers.
Prices are for us-east-1.
"""

import numpy as np

from labsim import factbook
from labsim.services.kinesis.rules import ENHANCED, ON_DEMAND

PUT_UNIT = factbook.value("kinesis.put_unit_bytes")


def put_units(size):
    """PUT payload units of a Kinesis record of `size` bytes, begun ones as whole; arrays, too."""
    return np.ceil(size / PUT_UNIT)


def cost(mode: str, fan_out: str, *, hours: float, shard_hours: float, units: float,
         gb_in: float, gb_out: float, consumers: int) -> dict[str, float]:
    """{line: USD} of a stream: gb_in written, gb_out read by all `consumers` together."""
    price = factbook.value
    if mode == ON_DEMAND:
        return {"Stream hours": hours * price("kinesis.price_ondemand_stream_hour"),
                "Data written": gb_in * price("kinesis.price_ondemand_in_gb"),
                "Data read": gb_out * price("kinesis.price_ondemand_out_gb")}
    lines = {"Shard hours": shard_hours * price("kinesis.price_shard_hour"),
             "PUT payload units": units / 1e6 * price("kinesis.price_put_unit_million")}
    if fan_out == ENHANCED:
        hours = shard_hours * consumers
        lines["Fan-out, shard hours"] = hours * price("kinesis.price_efo_shard_hour")
        lines["Fan-out, data"] = gb_out * price("kinesis.price_efo_gb")
    return lines
