"""Great Expectations: which rules rows are judged by, how many bad rows a day may have, and the gate that decides."""
