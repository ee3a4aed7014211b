"""Finding mail: the index and the query language."""
