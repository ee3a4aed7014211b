"""What the search pages show beside a list: marks, chips, the scope, suggestions."""
