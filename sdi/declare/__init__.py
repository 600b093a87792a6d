"""Writing declarations: partners, sources and units as files that a person could have written."""
