"""The imitated messaging API of Twilio."""
