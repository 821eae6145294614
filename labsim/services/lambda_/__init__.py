"""AWS Lambda: execution environments, concurrency, and those who call a function."""
