"""Code that runs elsewhere: inside and beside what was emitted. It imports nothing of the compiler."""
