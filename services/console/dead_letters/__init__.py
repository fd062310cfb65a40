"""Dead letters in groups of one reason, and decisions about one, some or all of them."""
