"""Learning from the library's own citations."""
