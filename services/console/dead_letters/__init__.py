"""Dead letters grouped by reason, and decisions about one, some or all of them."""
