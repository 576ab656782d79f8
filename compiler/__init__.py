"""Mooring, a declarative compiler; see `pipeline` for its order."""
