"""The parts of the documentation that are generated from code: `python -m docs.generator` writes them into the pages."""
