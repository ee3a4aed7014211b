"""docs/configuration.md shows every setting of `webmail/settings/environment.py`, as it is written there."""

import ast
import re
import tokenize

from tests.architecture.tree import ROOT

SOURCE = ROOT / "webmail/settings/environment.py"
DOCUMENT = ROOT / "docs/configuration.md"
HEADING = ("| variable | what it is |", "|---|---|")


def table_of_settings() -> list[str]:
    """The lines the document must hold: one a field, its comment as the meaning."""
    with SOURCE.open("rb") as file:
        comments = {
            token.start[0]: token.string.lstrip("# ")
            for token in tokenize.tokenize(file.readline)
            if token.type == tokenize.COMMENT
        }
    tree = ast.parse(SOURCE.read_text(encoding="utf-8"))
    (table,) = (node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == "Environment")
    fields = [node for node in table.body if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)]
    return [f"| `{ast.unparse(field.target).upper()}` | {comments[field.lineno]} |" for field in fields]


def test_the_table_of_settings_is_the_one_of_the_code() -> None:
    expected = [*HEADING, *table_of_settings()]
    lines = DOCUMENT.read_text(encoding="utf-8").splitlines()
    start = lines.index(HEADING[0])
    shown = lines[start : lines.index("", start)]
    assert shown == expected, "put this table into docs/configuration.md:\n" + "\n".join(expected)


def test_every_system_check_is_explained_by_its_own_words() -> None:
    checks = (ROOT / "webmail/settings/checks.py").read_text(encoding="utf-8")
    ids = set(re.findall(r"pillarbox\.([EW]\d{3})", checks))
    documented = set(re.findall(r"\| ([EW]\d{3}) \|", DOCUMENT.read_text(encoding="utf-8")))
    assert documented == ids
