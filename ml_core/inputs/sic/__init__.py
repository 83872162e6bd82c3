"""Passive-microwave sea-ice concentration products, read as percent on their own grids."""
