"""Parts inside of parts: files in plain text (uuencode, yEnc), winmail.dat (TNEF), signed content (S/MIME)."""
