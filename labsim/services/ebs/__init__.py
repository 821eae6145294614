"""Amazon EBS: volumes, their credits and limits, and which one to choose."""
