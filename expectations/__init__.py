"""Great Expectations: the validation rules, the limit of bad rows per day, and the gate that decides."""
