"""Trials on a Ray cluster: the driver here, its nodes there, and what travels between them."""

ADDRESSES = "auto, HOST:PORT or ray://HOST:PORT"  # as a person gives them
