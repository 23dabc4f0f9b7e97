"""How fast convladder is beside the programs that people have now."""
