"""Tests of the part that recreates the baseline."""
