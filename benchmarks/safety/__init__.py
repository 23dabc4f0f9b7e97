"""Whether what is killed comes out the same, and what that costs."""
