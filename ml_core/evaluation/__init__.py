"""Evaluation of SIC: metrics, baselines, ice edge and extent, bootstrap."""
