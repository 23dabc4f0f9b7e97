"""What techniques, searches and borrowed weights bring in accuracy."""
