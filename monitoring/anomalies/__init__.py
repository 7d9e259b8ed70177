"""Days that are odd although every step succeeded."""
