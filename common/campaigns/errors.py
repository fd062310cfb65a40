"""The error of a campaign's files, or of the values that they were given."""

from __future__ import annotations


class CampaignError(Exception):
    """The text is one line that names the file, the field and the fix. It never contains personal data."""
