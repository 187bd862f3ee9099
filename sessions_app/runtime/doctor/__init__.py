"""What is wrong with what is stored, and how it is put right without losing any of it."""
