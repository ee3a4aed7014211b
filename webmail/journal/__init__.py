"""What users did to their mail that the servers must still be told."""
