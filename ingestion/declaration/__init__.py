"""The models of shop.toml, which validate the file before anything runs."""
