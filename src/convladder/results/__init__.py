"""What training leaves on disk, read without a framework: runs, climbs, bundles."""
