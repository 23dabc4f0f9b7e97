"""What a network takes from another: layers, weights, and what images those have seen."""
