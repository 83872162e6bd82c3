"""Many networks on one split, and what they come to together."""
