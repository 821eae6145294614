"""What several services share: retries of the SDK, regions and distances."""
