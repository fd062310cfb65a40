"""What the HTTP servers share: gateway, console and sandbox. Nothing here depends on a ledger or on one server."""
