"""Simulated Sentinel-1 scenes with known sea-ice concentration."""
