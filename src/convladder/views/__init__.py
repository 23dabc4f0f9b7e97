"""What a person sees of data, runs and climbs in Python: tables, plots, notebook."""
