"""What a person sees of data, runs and climbs in Python: tables, plots, notebook."""

from convladder.frames import keep_any_text

keep_any_text()
