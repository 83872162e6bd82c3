"""Applying a network to a scene: runtimes, tiles, uncertainty."""
