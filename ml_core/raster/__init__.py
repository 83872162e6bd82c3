"""The only place that opens rasters: aligned reading, windows and tiles, radiometry, writing."""
