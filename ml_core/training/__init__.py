"""Fitting a network: split, chips, losses, the fit."""
