"""A bundle behind HTTP: predictions in batches across requests, limits, and a page.

It needs the extra `serve`, and neither Keras nor pandas.
"""
