"""What shop.toml declares of a shop: checked whole before anything runs."""
