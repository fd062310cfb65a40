"""The campaign in virtual time: production actors and scripts on a real store, with the providers in memory."""
