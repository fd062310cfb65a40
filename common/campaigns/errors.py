"""What is wrong with a campaign's files, or with the values they were given."""

from __future__ import annotations


class CampaignError(Exception):
    """One line that names the file, the field in it, and the cure. It never carries a person's data."""
