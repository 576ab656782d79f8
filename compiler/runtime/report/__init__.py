"""Reads, on the host, what is left of a run: Harbor's folder of a job, a session's archive."""
