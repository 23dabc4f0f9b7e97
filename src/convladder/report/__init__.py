"""Pictures and pages of what a run or a climb came to."""
