"""Opening messages: what one person sees of one, the words for it, and the ways its bytes are served."""
