"""What the HTTP servers share: gateway, console and sandbox. Nothing here knows a contact, a ledger or a page."""
