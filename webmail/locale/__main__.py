"""`python -m webmail.locale update` after words have changed; `… compile DIRECTORY` at set-up; `… check` tells what is missing."""

from __future__ import annotations

import sys
from pathlib import Path

from webmail.locale.catalogues import DOMAINS, LANGUAGES, compile_all, faults, update_all


def main(arguments: list[str]) -> int:
    """Returns the exit status."""
    match arguments:
        case ["update"]:
            update_all()
        case ["compile", directory]:
            compile_all(Path(directory))
        case ["check"]:
            found = [line for language in LANGUAGES for domain in DOMAINS for line in faults(language, domain)]
            sys.stdout.write("".join(f"{line}\n" for line in found))
            return 1 if found else 0
        case _:
            sys.stderr.write(f"{__doc__}\n")
            return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
