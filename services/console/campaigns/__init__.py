"""Data and actions of a campaign's pages: board, cadence, gallery, rates, versions."""
