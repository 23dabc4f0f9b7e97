"""Which images are copies of each other."""
