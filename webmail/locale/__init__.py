"""The words of all pages in other languages than English, and what makes them ready: see `webmail.locale.catalogues`."""
