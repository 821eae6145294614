"""Many runs: sweeps, their files, and known answers."""
