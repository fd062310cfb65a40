"""Chaos runs: real processes are killed while every provider fails; then mails are counted on the provider's side."""
