"""The imitated Resend API: its errors by name, its limits, its idempotency keys."""
