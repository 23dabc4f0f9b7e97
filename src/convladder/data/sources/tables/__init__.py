"""Tables of paths and labels as sources."""
