"""The bank: images decoded once, kept in the cache, shared by all trials."""
