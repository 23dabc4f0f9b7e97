"""What the benchmarks share: images, programs side by side, and what was measured as files, tables
and pictures.
"""
