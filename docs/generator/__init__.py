"""The parts of the documentation that come from code: `python -m docs.generator` writes them into the pages."""
