"""A folder per AWS service: the arithmetic of its rules, its models, its bill."""
