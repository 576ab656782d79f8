"""Tests of the runner: real processes, real user ids."""
