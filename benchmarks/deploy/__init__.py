"""What leaves convladder: exports that predict the same, and a server under load."""
