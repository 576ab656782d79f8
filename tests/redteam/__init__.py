"""The red team: attempts over the rows of the table of threats, each of which gains nothing."""
