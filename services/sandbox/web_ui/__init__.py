"""Web pages: the inbox, the phones, the two databases, the faults and dials."""
