"""Twilio's messaging, imitated."""
