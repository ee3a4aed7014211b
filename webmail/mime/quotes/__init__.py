"""What in a message is new, what is quoted and what is a signature; pure text work, no HTML parser."""
