"""The live launch: on the host, from a plan to running tongs around a harness, and back."""
