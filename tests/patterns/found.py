"""Every regular expression of the product, where it stands and how it is used (security R44).

Those compiled on import are recorded while a fresh process imports all of the product; those inside of functions are read
from the sources. One that is put together at run time cannot be read there, so it must have a line in `COMPOSED`.
"""

import ast
import json
import re
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from tests.architecture.tree import ROOT, modules_of_product, text_of
from tests.patterns.exceptions import COMPOSED, FULLMATCH, KNOWN, Known

COMPILING = {"compile", "match", "search", "fullmatch", "sub", "subn", "split", "findall", "finditer"}
# How a pattern meets its text. "each": from every place on, to the end, as findall, sub and a reader's loop of `match` do.
USES = {
    "match": "match",
    "fullmatch": "fullmatch",
    "search": "search",
    **dict.fromkeys(("sub", "subn", "split", "findall", "finditer", "scanner"), "each"),
}
EVERY_USE = frozenset({"fullmatch", "each"})
MAX_CHARS = 100_000  # R44


@dataclass(frozen=True, slots=True)
class Found:
    """One pattern: `place` is file and line, `name` the variable that holds it or the function that makes it.

    `max_chars`: of the text that it can meet at most.
    """

    place: str
    name: str
    pattern: re.Pattern[str] | re.Pattern[bytes]
    uses: frozenset[str]
    max_chars: int = MAX_CHARS

    @property
    def label(self) -> str:
        """File and variable: what `exceptions.KNOWN` names."""
        return _label(self.place, self.name)


@cache
def all_patterns() -> tuple[Found, ...]:
    """What there is, without repetitions. Fails with `AssertionError` when a pattern is made in a way that hides it."""
    uses = _uses_by_name()
    found: dict[tuple[object, ...], Found] = {}
    for path, line, text, is_bytes, flags in _compiled_on_import():
        name, direct = _assignments(path).get(line) or (_function_at(path, line), frozenset())
        seen = FULLMATCH if line <= 0 else direct or uses.get((path, name)) or EVERY_USE
        known = KNOWN.get(_label(f"{path}:{line}", name))
        one = Found(
            f"{path}:{line}",
            name,
            _compile(text, flags, is_bytes=is_bytes),
            (known and known.uses) or seen,
            (known and known.max_chars) or MAX_CHARS,
        )
        found[path, one.pattern.pattern, one.pattern.flags] = one
    for one in _inside_functions():
        found.setdefault((one.place.partition(":")[0], one.pattern.pattern, one.pattern.flags), one)
    return tuple(found.values())


def _label(place: str, name: str) -> str:
    path, _, line = place.partition(":")
    return path if line.startswith("-") else f"{path}:{name or line}"


@cache
def _functions(path: str) -> tuple[tuple[int, int, str], ...]:
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    found = [node for node in ast.walk(_tree(path)) if isinstance(node, kinds)]
    return tuple((node.lineno, node.end_lineno or node.lineno, node.name) for node in found)


def _function_at(path: str, line: int) -> str:
    return next((name for begin, end, name in reversed(_functions(path)) if begin <= line <= end), "")


def needless() -> list[str]:
    """Lines of `KNOWN` that name no pattern."""
    return sorted(set(KNOWN) - {found.label for found in all_patterns()})


def unlisted() -> list[str]:
    """Functions that compose a pattern without a line in `COMPOSED`, and lines there that nothing needs any more."""
    composing = {f"{path}:{function}" for path, function, _ in _composed_calls()}
    return sorted(composing ^ set(COMPOSED))


def _compiled_on_import() -> list[tuple[str, int, str, bool, int]]:
    command = [sys.executable, "-m", "tests.patterns.at_import"]
    finished = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert finished.returncode == 0, finished.stderr
    return [(path, line, text, is_bytes, flags) for path, line, text, is_bytes, flags in json.loads(finished.stdout)]


def _compile(text: str, flags: int, *, is_bytes: bool) -> re.Pattern[str] | re.Pattern[bytes]:
    if is_bytes:
        return re.compile(text.encode("latin-1"), flags & ~re.UNICODE)
    return re.compile(text, flags)


@cache
def _tree(path: str) -> ast.Module:
    return ast.parse(text_of(ROOT / path))


@cache
def _sources() -> tuple[str, ...]:
    return tuple(path.relative_to(ROOT).as_posix() for path in modules_of_product() if "migrations" not in path.parts)


def _is_compiling(node: ast.AST) -> bool:
    return (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in COMPILING
        and isinstance(node.func.value, ast.Name)
        and node.func.value.id == "re"
    )


@cache
def _assignments(path: str) -> dict[int, tuple[str, frozenset[str]]]:
    """Line of a `re.compile` at the top of a module or class: the variable, and the use where a method is taken at once."""
    lines: dict[int, tuple[str, frozenset[str]]] = {}
    for node in ast.walk(_tree(path)):
        if not isinstance(node, ast.Assign | ast.AnnAssign) or node.value is None:
            continue
        target = node.targets[0] if isinstance(node, ast.Assign) else node.target
        name = ast.unparse(target)
        for inner in ast.walk(node.value):
            if _is_compiling(inner):
                taken = isinstance(node.value, ast.Attribute) and node.value.value is inner
                use = _loop_use(node.value.attr) if taken and isinstance(node.value, ast.Attribute) else None
                for line in range(inner.lineno, (inner.end_lineno or inner.lineno) + 1):
                    lines[line] = (name, frozenset({use}) if use else frozenset())
    return lines


def _loop_use(method: str) -> str | None:
    """The use of a method that is not called where it is named: nobody sees whether with a position, so the worst."""
    use = USES.get(method)
    return "each" if use in ("match", "search") else use


@cache
def _uses_by_name() -> dict[tuple[str, str], frozenset[str]]:
    """(file, variable) of a pattern: how it is used anywhere. One that is handed on has every use."""
    found: dict[tuple[str, str], set[str]] = defaultdict(set)
    for path in _sources():
        origin = _imported_names(path)
        parents = {child: node for node in ast.walk(_tree(path)) for child in ast.iter_child_nodes(node)}
        for node in ast.walk(_tree(path)):
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
                key = origin.get(node.id, (path, node.id))
                found[key] |= _use_of(node, parents)
    return {key: frozenset(uses) for key, uses in found.items()}


def _use_of(node: ast.Name, parents: dict[ast.AST, ast.AST]) -> frozenset[str]:
    attribute = parents.get(node)
    if not isinstance(attribute, ast.Attribute):
        return EVERY_USE
    if attribute.attr in ("pattern", "flags"):
        return frozenset()
    call = parents.get(attribute)
    if not (isinstance(call, ast.Call) and call.func is attribute):
        use = _loop_use(attribute.attr)
        return frozenset({use}) if use else EVERY_USE
    use = USES.get(attribute.attr)
    has_position = len(call.args) > 1 and use in ("match", "search")
    return frozenset({"each" if has_position else use}) if use else EVERY_USE


def _imported_names(path: str) -> dict[str, tuple[str, str]]:
    names = {}
    for node in ast.walk(_tree(path)):
        if isinstance(node, ast.ImportFrom) and node.module:
            file = node.module.replace(".", "/") + ".py"
            names.update({alias.asname or alias.name: (file, alias.name) for alias in node.names})
    return names


def _inside_functions() -> Iterator[Found]:
    for path, function, call in _calls_in_functions():
        text = _literal(call)
        if text is None:
            for example in COMPOSED.get(f"{path}:{function}") or ():
                known = KNOWN.get(f"{path}:{function}") or Known("")
                yield Found(
                    f"{path}:{call.lineno}",
                    function,
                    re.compile(example),
                    known.uses or EVERY_USE,
                    known.max_chars or MAX_CHARS,
                )
            continue
        assert isinstance(call.func, ast.Attribute)
        use = EVERY_USE if call.func.attr == "compile" else frozenset({USES[call.func.attr]})
        pattern = _compile(
            text if isinstance(text, str) else text.decode("latin-1"), 0, is_bytes=isinstance(text, bytes)
        )
        yield Found(f"{path}:{call.lineno}", function, pattern, use)


def _composed_calls() -> Iterator[tuple[str, str, ast.Call]]:
    return (found for found in _calls_in_functions() if _literal(found[2]) is None)


def _calls_in_functions() -> Iterator[tuple[str, str, ast.Call]]:
    """(file, function, call) of each `re.…(pattern …)` inside of a function."""
    for path in _sources():
        for function in ast.walk(_tree(path)):
            if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
                for node in _own_nodes(function):
                    if _is_compiling(node):
                        assert isinstance(node, ast.Call)
                        yield path, function.name, node


def _own_nodes(function: ast.AST) -> Iterator[ast.AST]:
    for child in ast.iter_child_nodes(function):
        if not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
            yield child
            yield from _own_nodes(child)


def _literal(call: ast.Call) -> str | bytes | None:
    first = call.args[0] if call.args else None
    return first.value if isinstance(first, ast.Constant) and isinstance(first.value, str | bytes) else None


def hidden_ways() -> list[str]:
    """Imports by which a pattern could be made unseen: other names for `re`, other engines."""
    found = []
    for path in _sources():
        for node in ast.walk(_tree(path)):
            if isinstance(node, ast.ImportFrom) and node.module in ("re", "regex", "re2"):
                found.append(f"{path}:{node.lineno}")
            elif isinstance(node, ast.Import):
                found += [
                    f"{path}:{node.lineno}"
                    for alias in node.names
                    if alias.name in ("regex", "re2") or (alias.name == "re" and alias.asname)
                ]
    return found
