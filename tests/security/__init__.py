"""Attacks in a real browser (security R1, R2, R8, R9, R12, R17): every vector, in every place it can be put, through the real pages."""
