"""Code that runs elsewhere, in and beside what was emitted; it imports nothing of the compiler."""
