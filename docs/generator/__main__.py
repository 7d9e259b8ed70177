"""`python -m docs.generator`: write the generated parts of the documentation, and print the changed pages."""

from docs.generator.pages import DOCS, write

if __name__ == "__main__":
    for page in write():
        print(page.relative_to(DOCS.parent))  # noqa: T201
