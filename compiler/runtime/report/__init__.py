"""Reads what Harbor wrote of a job and says how its trials ended. Runs on the host, after `harbor run`."""
