"""Comparing networks: trials of many on one split, and what they come to together."""
