"""Traffic from files."""
