"""Everything together: real processes, real servers, a real browser."""
