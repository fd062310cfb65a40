"""Explores every interleaving of two workers, scheduler, rescue and sweeper around the scripts, on a real store."""
