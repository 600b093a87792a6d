"""Whole collections as files: made once per edition, by a process of its own, and served with ranges."""
