"""Cal.com's calendar, imitated: its list of bookings, and its webhooks, which can be lost."""
