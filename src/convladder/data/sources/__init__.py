"""Where labelled images come from: folders, archives, tables, arrays, Parquet, the hub, names."""
