"""From an experiment and a dataset to a fitted network."""
