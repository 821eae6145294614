"""Amazon SQS: queues, messages, consumers."""
