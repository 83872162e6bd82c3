"""Parameters of a training that takes a second."""

QUICK = {
    "FILTERS": 2,
    "DEPTH": 2,
    "EPOCHS": 1,
    "CHIPS_PER_EPOCH": 4,
    "CHIP_SIZE": 48,
    "RESOLUTION": 0,
    "REFIT": False,
    "DEVICE": "cpu",
}
"""A network that learns nothing, quickly."""
