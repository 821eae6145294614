"""Amazon DynamoDB: capacity units, partitions, tables, DAX."""
