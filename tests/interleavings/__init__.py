"""Every interleaving of two workers, the scheduler, a takeover and the sweeper around the scripts, on a real store."""
