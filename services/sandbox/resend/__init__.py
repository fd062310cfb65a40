"""Resend's API as the real one answers: its errors by name, its limits, its memory of idempotency keys."""
