"""What is said about an input: a code, its parameters and a place; prose is made in one module."""
