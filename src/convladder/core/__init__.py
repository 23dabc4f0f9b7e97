"""What every other module stands on. Nothing here imports anything that must be installed."""
