"""Amazon EFS: file systems and their throughput modes."""
