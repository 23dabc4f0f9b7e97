"""Trees of files as sources, on a disk or in an archive."""
