"""What pages say about messages on their way out, and about what came back."""
