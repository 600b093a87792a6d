"""One test per pitfall of county sources, each played by a server that misbehaves so."""
