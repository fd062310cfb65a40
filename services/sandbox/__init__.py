"""Notion and Resend on this machine: their APIs imitated, the mail to look at, dials for what can go wrong."""
