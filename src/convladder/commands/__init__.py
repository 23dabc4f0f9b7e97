"""The commands, one function each: it parses, calls, and hands what came out to `show`."""
