"""Amazon ElastiCache: nodes, slots, and applications that cache aside."""
