"""Tests of what reads results on the host."""
