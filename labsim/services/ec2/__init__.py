"""Amazon EC2: instances that boot, work and are billed."""
