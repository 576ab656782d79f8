"""Reads what Harbor wrote of a job and says how its trials ended; runs on the host."""
