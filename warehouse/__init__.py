"""The warehouse: how to connect to it, its schemas, and the locks on its days."""
