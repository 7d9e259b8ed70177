"""The parts of the documentation that are made from code: `python -m docs.generator` writes them into their pages."""
