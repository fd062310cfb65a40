"""Single mails on pages: mails of a person, scheduled mails, and the frames that show them."""
