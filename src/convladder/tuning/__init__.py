"""The search for better settings, steered by validation alone."""
