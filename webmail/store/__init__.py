"""What we hold of people's mail: rows, bytes, and the record of every change."""
