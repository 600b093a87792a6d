"""Measurements against peers on the same machine and the same data; `python -m tests.bench`."""
