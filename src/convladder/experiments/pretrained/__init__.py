"""What a network takes from another: whose layers, which weights, and what images those have seen."""
