"""Tests of the command inside the workbench."""
