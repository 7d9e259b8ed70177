"""How the rows of one logical day are read from a shop."""
