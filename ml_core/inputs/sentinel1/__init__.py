"""Sentinel-1 GRD products: found in a folder or zip, calibrated, geocoded at sea level."""
