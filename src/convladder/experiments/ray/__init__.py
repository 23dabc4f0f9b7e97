"""Trials on a Ray cluster: the driver here, its nodes there, and what travels between them."""
