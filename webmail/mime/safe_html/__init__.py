"""Showing hostile HTML: one cleaning pass on the parse tree, then an inert document of its own (security R1-R8)."""
