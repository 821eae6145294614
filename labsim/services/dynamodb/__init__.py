"""Amazon DynamoDB: tables with capacity and partitions, global indexes, auto scaling, DAX.

    from labsim.services import dynamodb

    table = dynamodb.Table(sim, "orders", "provisioned", read_capacity=100, write_capacity=50)
    dynamodb.AutoScaling(sim, "scaling", table)
    sim.send(60, to=table.writes)
"""

from labsim.services.dynamodb import bill, rules
from labsim.services.dynamodb.dax import Dax
from labsim.services.dynamodb.gsi import GlobalIndex
from labsim.services.dynamodb.scaling import AutoScaling
from labsim.services.dynamodb.table import Table

__all__ = ["AutoScaling", "Dax", "GlobalIndex", "Table", "bill", "rules"]
