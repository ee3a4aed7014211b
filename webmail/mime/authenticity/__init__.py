"""Who really sent a message: what it and the servers it passed claim, and what may be believed of that."""
