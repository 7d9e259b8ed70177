"""Values as shops write them: amounts, dates, JSON, and the formats they come in."""
