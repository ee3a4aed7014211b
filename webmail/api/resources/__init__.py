"""One module for each noun of the API. A view fetches with the right to it, validates, calls, answers."""
