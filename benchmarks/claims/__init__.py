"""Whether what convladder claims holds where the truth is known."""
