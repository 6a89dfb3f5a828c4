"""Cases of every rule, by domain: how it trips, where it does not apply, what makes it undecidable."""
