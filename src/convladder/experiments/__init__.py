"""Trials, and climbs of many trials: what trains them, on this machine or on a cluster."""
