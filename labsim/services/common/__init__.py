"""What several services share: retries of the SDK, KMS quotas, regions and distances."""
