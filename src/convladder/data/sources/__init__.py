"""Where labelled images come from: folders, archives, tables, arrays, Parquet files, the hub,
built-in sets.
"""
