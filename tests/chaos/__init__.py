"""Real processes, killed a thousand times while every provider fails; then a count on the provider's own side."""
