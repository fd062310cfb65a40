"""The imitated Cal.com: its list of bookings, and its webhooks, which may be lost."""
