"""A first shop.toml, drafted from what a shop answers."""
