"""Single mails on pages: those of a person, those that are planned, and the frames that show them."""
