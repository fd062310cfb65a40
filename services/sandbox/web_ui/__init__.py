"""Pages for people: the inbox, the two databases, the faults and dials."""
