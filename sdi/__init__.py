"""Spatial data infrastructure server: county registers in, OGC services out."""

__version__ = "0.1.0"
