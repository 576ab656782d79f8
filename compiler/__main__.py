"""`python -m compiler` is `mooring`."""

from compiler.cli import main

main()
