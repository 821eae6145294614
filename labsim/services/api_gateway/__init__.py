"""Amazon API Gateway: throttles before whatever is behind it."""
