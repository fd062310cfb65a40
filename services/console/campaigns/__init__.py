"""What the pages of a campaign show, and what they change: board, cadence, gallery, rates, versions."""
