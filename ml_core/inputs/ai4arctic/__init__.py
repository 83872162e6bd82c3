"""The AI4Arctic Sea Ice Challenge Dataset: scenes with ice charts and AMSR2, in NetCDF."""
