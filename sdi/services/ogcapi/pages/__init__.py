"""What the HTML pages show, worked out before the templates; nothing here answers requests."""
