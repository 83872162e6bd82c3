"""Many networks on one split, and their results together."""
