"""Tests of the runtime parts."""
