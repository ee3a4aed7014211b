"""What must never appear in the project's files, and how large a module may grow."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.architecture.tree import ROOT, files_under, modules_of_product, text_of

MAX_MODULE_LINES = 600
# Module: why it is better in one piece. Growth beyond the limit is a decision, so it is written down here.
LARGE_MODULES: dict[str, str] = {}

# R52: what an attacker who can write to Redis, the cache or a session could make us run.
UNSAFE_MODULES = {"pickle", "cPickle", "_pickle", "dill", "cloudpickle", "jsonpickle", "marshal", "shelve"}
UNSAFE_CALLS = {"yaml.load", "yaml.unsafe_load", "yaml.full_load", "eval", "exec"}
UNSAFE_WORDS = re.compile(r"PickleSerializer|accept_content\s*=.*pickle|serializer\s*=\s*['\"](pickle|yaml)")

# Spelled so that this file does not find itself.
MACHINE_PATHS = re.compile(
    r"(?<![\w.~-])/(?:" + "|".join(["wor" + "k", "ro" + "ot", "hom" + "e", "Use" + r"rs"]) + r")/\w"
)
TEXT_SUFFIXES = (
    *(".py", ".md", ".toml", ".yaml", ".yml", ".json", ".js", ".mjs", ".css", ".html", ".txt", ".sh", ".conf"),
    *(".service", ".ini", "Makefile", "Dockerfile", "run", ".editorconfig"),
)
# Lock files are made by tools and hold no paths of ours; mail in tests/corpus is other people's text.
UNSEARCHED = ("requirements.txt", "requirements-node.txt")


def calls_and_imports(path: Path) -> Iterator[str]:
    """Dotted names this module imports or calls."""
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Call):
            yield ast.unparse(node.func)


def searched_files() -> list[Path]:
    found = files_under(
        "webmail", "accounts", "templates", "static", "tests", "docs", "deploy", ".ci", suffixes=TEXT_SUFFIXES
    )
    top = (path for path in ROOT.iterdir() if path.is_file() and path.suffix != ".sqlite3")
    return [path for path in (*found, *top) if path.name not in UNSEARCHED and "corpus" not in path.parts]


def test_no_module_has_grown_past_the_limit_without_a_reason() -> None:
    files = [*modules_of_product(), *files_under("tests", suffixes=(".py",))]
    lengths = {str(path.relative_to(ROOT)): text_of(path).count("\n") for path in files}
    too_large = {
        name: lines for name, lines in lengths.items() if lines > MAX_MODULE_LINES and name not in LARGE_MODULES
    }
    assert too_large == {}


def test_the_list_of_large_modules_is_up_to_date() -> None:
    sizes = {name: text_of(ROOT / name).count("\n") for name in LARGE_MODULES}
    assert [name for name, lines in sizes.items() if lines <= MAX_MODULE_LINES] == []


@pytest.mark.req("R52")
def test_nothing_unpickles_or_evaluates_data() -> None:
    found = []
    for path in modules_of_product():
        names = set(calls_and_imports(path))
        unsafe = {name for name in names if name.partition(".")[0] in UNSAFE_MODULES} | (names & UNSAFE_CALLS)
        found += [f"{path.relative_to(ROOT)}: {name}" for name in sorted(unsafe)]
        found += [f"{path.relative_to(ROOT)}: {match.group()}" for match in UNSAFE_WORDS.finditer(text_of(path))]
    assert found == []


def test_no_file_holds_a_path_of_somebodys_machine() -> None:
    found = []
    for path in searched_files():
        for number, line in enumerate(text_of(path).splitlines(), start=1):
            if MACHINE_PATHS.search(line):
                found.append(f"{path.relative_to(ROOT)}:{number}: {line.strip()[:100]}")
    assert found == []


def test_no_module_is_named_for_nothing_in_particular() -> None:
    vague = {"utils.py", "helpers.py", "common.py", "manager.py", "misc.py"}
    assert [str(path.relative_to(ROOT)) for path in modules_of_product() if path.name in vague] == []


def test_every_module_says_what_it_is_for() -> None:
    silent = []
    for path in modules_of_product():
        text = text_of(path)
        if text.strip() and "migrations" not in path.parts and not ast.get_docstring(ast.parse(text)):
            silent.append(str(path.relative_to(ROOT)))
    assert silent == []
