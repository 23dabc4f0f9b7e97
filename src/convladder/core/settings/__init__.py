"""The settings of an experiment, a module for each section: a new one is a field there."""
