"""The imitated Resend API, with its named errors, its limits and its idempotency keys."""
