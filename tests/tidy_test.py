"""Our tidy: what a linter does not know about this repository. Each rule says what it wants and where it is missed.

A rule is a pure function of one source, or of the whole checkout; each is tried on a bad sample too, so that a rule
that has stopped seeing anything fails here.
"""

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from itertools import pairwise
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent
FUNCTION_LINES_MAX = 70
MODULE_LINES_MAX = 600
FILE_BYTES_MAX = 500_000

# Put together from pieces, so that this file passes its own rules.
WORDS = ("TO" + "DO", "FIX" + "ME", "X" + "XX", "HA" + "CK", "NotImplemented" + "Error", "pragma: no" + " cover")
HOSTS = ("python" + "hosted", "py" + "pi.org", "registry.npm" + "js", "deb.deb" + "ian.org", "://py" + "pi")
MACHINE_PATH = re.compile(r"(?<![\w.~])/(?:wo" + r"rk|ro" + r"ot|ho" + r"me/\w+|Us" + r"ers/\w+)(?=[/\"'`\s]|$)")
IGNORE = re.compile(r"#\s*(?:(?:type|pyright):\s*ignore|noqa)(?P<rest>[^\n]*)")
IGNORE_WITH_REASON = re.compile(r"(?:\[[\w, -]+\]|:\s*[A-Z]+\d+(?:,\s*[A-Z]+\d+)*)\s*(?:#|--|-|:|\()?\s*\w+ \w+")
DISTRIBUTIONS = {  # installed under another name
    "alpaca": "alpaca-py",
    "argon2": "argon2-cffi",
    "hyperliquid": "hyperliquid-python-sdk",
}
PRINTERS = ("console.py", "__main__.py")


@dataclass(frozen=True)
class Source:
    """A text file of the checkout. `path` is relative to its root, with forward slashes."""

    path: str
    text: str

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.text, self.path)

    @property
    def name(self) -> str:
        return self.path.rsplit("/", 1)[-1]

    @property
    def module(self) -> str:
        """Dotted name of a file in src or tests."""
        parts = self.path.removesuffix(".py").removeprefix("src/").split("/")
        return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@dataclass(frozen=True)
class Checkout:
    """Everything that git tracks or would track."""

    sources: tuple[Source, ...]
    sizes: dict[str, int]

    def python(self, *folders: str) -> list[Source]:
        return [s for s in self.sources if s.path.endswith(".py") and s.path.startswith(folders)]


@cache
def checkout() -> Checkout:
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    if listed.returncode != 0:
        pytest.skip(f"not a git checkout, so its files are not known: {listed.stderr.strip()}")
    paths = sorted({path for path in listed.stdout.split("\0") if path and (REPOSITORY / path).is_file()})
    sources = []
    for path in paths:
        raw = (REPOSITORY / path).read_bytes()
        if b"\0" not in raw:
            sources.append(Source(path, raw.decode("utf-8")))
    return Checkout(tuple(sources), {path: (REPOSITORY / path).stat().st_size for path in paths})


def numbered(source: Source) -> Iterator[tuple[int, str]]:
    return enumerate(source.text.split("\n"), start=1)


def functions(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


# Rules of one file in src.


def function_fits_a_screen(source: Source) -> Iterator[str]:
    for node in functions(source.tree):
        lines = (node.end_lineno or node.lineno) - node.lineno + 1
        if lines > FUNCTION_LINES_MAX:
            yield f"{source.path}:{node.lineno}: {node.name} has {lines} lines, over {FUNCTION_LINES_MAX}: split it"


def module_fits_a_head(source: Source) -> Iterator[str]:
    lines = source.text.count("\n")
    if lines > MODULE_LINES_MAX:
        yield f"{source.path}: {lines} lines, more than {MODULE_LINES_MAX}: one noun per file"


def nothing_left_unfinished(source: Source) -> Iterator[str]:
    for number, line in numbered(source):
        for word in WORDS:
            if re.search(rf"\b{word}\b", line):
                yield f"{source.path}:{number}: {word}: finish it or take it out"


def no_error_is_swallowed(source: Source) -> Iterator[str]:
    for node in ast.walk(source.tree):
        if not isinstance(node, ast.ExceptHandler):
            continue
        if node.type is None:
            yield f"{source.path}:{node.lineno}: a bare except catches Ctrl-C too: name the error"
        elif ast.unparse(node.type) in {"Exception", "BaseException"} and all(map(does_nothing, node.body)):
            yield f"{source.path}:{node.lineno}: {ast.unparse(node.type)} is swallowed: handle it or let it pass up"


def does_nothing(node: ast.stmt) -> bool:
    return isinstance(node, ast.Pass | ast.Continue) or (
        isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    )


def only_the_console_prints(source: Source) -> Iterator[str]:
    if source.name in PRINTERS:
        return
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print":
            yield f"{source.path}:{node.lineno}: print: write to the log, or print in {' or '.join(PRINTERS)}"


def ignore_names_its_rule_and_reason(source: Source) -> Iterator[str]:
    for number, line in numbered(source):
        found = IGNORE.search(line)
        if found and not IGNORE_WITH_REASON.match(found["rest"]):
            yield f"{source.path}:{number}: an ignore names its rule and why: # pyright: ignore[rule] the reason"


def time_has_a_zone(source: Source) -> Iterator[str]:
    for node in ast.walk(source.tree):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
            continue
        given = len(node.args) + sum(word.arg in {"tz", None} for word in node.keywords)
        needed = {"now": 1, "fromtimestamp": 2, "utcnow": 9, "utcfromtimestamp": 9, "today": 9}.get(node.func.attr, 0)
        owner = ast.unparse(node.func.value).rsplit(".", 1)[-1]
        if owner in {"datetime", "date"} and given < needed:
            yield f"{source.path}:{node.lineno}: {ast.unparse(node)} has no time zone: inside, time is UTC nanoseconds"


def all_names_what_is_public(source: Source) -> Iterator[str]:
    if source.name in {"__init__.py", "__main__.py"} and "__all__" not in source.text:
        return
    exported = exports(source.tree)
    if exported is None:
        yield f"{source.path}: no __all__: say what others may use"
        return
    bound = dict(bindings(source.tree))
    for name in sorted(exported - bound.keys()):
        yield f"{source.path}: __all__ names {name}, which is not there"
    for name, node in bound.items():
        defined = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
        if defined and not name.startswith("_") and name not in exported:
            yield f"{source.path}:{node.lineno}: {name} is not in __all__: name it there, or begin it with _"


def exports(tree: ast.Module) -> set[str] | None:
    for node in tree.body:
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        if any(isinstance(target, ast.Name) and target.id == "__all__" for target in targets):
            return set(ast.literal_eval(getattr(node, "value", None) or ast.List([])))
    return None


def bindings(tree: ast.Module) -> Iterator[tuple[str, ast.stmt]]:
    """Names bound at a module's top level, conditionals and tries included."""
    nested = (ast.If, ast.Try, ast.ExceptHandler, ast.With, ast.For)
    waiting: list[ast.AST] = list(tree.body)
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name, node
        elif isinstance(node, ast.Import | ast.ImportFrom):
            yield from ((alias.asname or alias.name.split(".")[0], node) for alias in node.names)
        elif isinstance(node, nested):
            waiting.extend(c for c in ast.iter_child_nodes(node) if isinstance(c, ast.stmt | ast.ExceptHandler))
        elif isinstance(node, ast.Assign | ast.AnnAssign | ast.AugAssign):
            names = (n for n in ast.walk(node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store))
            yield from ((name.id, node) for name in names)


# Rules of any text file.


def no_registry_is_named(source: Source) -> Iterator[str]:
    for number, line in numbered(source):
        for host in HOSTS:
            if host in line:
                yield f"{source.path}:{number}: names {host}: a package is named without the place it comes from"
    if source.path.startswith("requirements") and "://" in source.text:
        yield f"{source.path}: has an address: pins and hashes only"


def no_path_of_a_machine(source: Source) -> Iterator[str]:
    for number, line in numbered(source):
        found = MACHINE_PATH.search(line)
        if found:
            yield f"{source.path}:{number}: {found[0]} is a path of one machine: make it relative"


def lines_end_plainly(source: Source) -> Iterator[str]:
    if "\r" in source.text:
        yield f"{source.path}: carriage returns: lines end in a line feed alone"
    for number, line in numbered(source):
        if line != line.rstrip():
            yield f"{source.path}:{number}: trailing whitespace"
    if source.text and not source.text.endswith("\n"):
        yield f"{source.path}: the last line does not end"


# Rules of the whole.


def imports(source: Source, known: dict[str, Source]) -> set[str]:
    """Modules of `known` that a file imports, those behind a package's re-exports too, and those it names in a text."""
    found: set[str] = set()
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
            for alias in node.names:
                found.add(f"{node.module}.{alias.name}")
                found.update(behind(node.module, alias.name, known))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            found.update(re.findall(r"\bquarterdeck(?:\.\w+)+", node.value))
    return found & known.keys()


def behind(package: str, name: str, known: dict[str, Source]) -> Iterator[str]:
    """The module that `from package import name` gets its name from."""
    init = known.get(package)
    if init is None or init.name != "__init__.py":
        return
    for node in init.tree.body:
        if isinstance(node, ast.ImportFrom) and node.module and any(alias.name == name for alias in node.names):
            yield node.module


def no_module_is_dead(files: Checkout) -> Iterator[str]:
    known = {source.module: source for source in files.python("src/")}
    pyproject = "".join(source.text for source in files.sources if source.path == "pyproject.toml")
    used = set(re.findall(r"= \"(quarterdeck[\w.]*):", pyproject))
    for source in known.values():
        used |= imports(source, known) - {source.module}
    for name, source in known.items():
        if name not in used and source.name not in {"__init__.py", "__main__.py"}:
            yield f"{source.path}: nothing in src imports it: use it or take it out"


def every_module_has_a_test(files: Checkout) -> Iterator[str]:
    known = {source.module: source for source in files.python("src/")}
    tested: set[str] = set()
    for source in files.python("tests/"):
        tested |= imports(source, known)
    for name, source in known.items():
        if name not in tested and source.name not in {"__init__.py", "__main__.py"}:
            yield f"{source.path}: no file in tests imports or names {name}"


def run_as_programs(node: ast.AST) -> list[str]:
    """Modules that a command line names after -m: a package may be used without being imported."""
    words = [getattr(one, "value", None) for one in node.elts] if isinstance(node, ast.List) else []
    return [name for flag, name in pairwise(words) if flag == "-m" and isinstance(name, str)]


def dependencies_are_what_is_imported(files: Checkout) -> Iterator[str]:
    pyproject = next((source.text for source in files.sources if source.path == "pyproject.toml"), "")
    asked = tomllib.loads(pyproject).get("project", {}).get("dependencies", [])
    declared = {re.split(r"[\s<>=!~\[;]", text, maxsplit=1)[0] for text in asked}
    imported: dict[str, str] = {}
    for source in files.python("src/"):
        for node in ast.walk(source.tree):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module] if isinstance(node, ast.ImportFrom) and node.module else []
            names += run_as_programs(node)
            for name in names:
                top = name.split(".")[0].replace("_", "-")
                imported.setdefault(DISTRIBUTIONS.get(top, top), source.path)
    for name in sorted(imported.keys() - declared - {"quarterdeck"}):
        if name.replace("-", "_") not in sys.stdlib_module_names:
            yield f"{imported[name]}: imports {name}, which pyproject.toml does not ask for"
    for name in sorted(declared - imported.keys()):
        yield f"pyproject.toml: asks for {name}, which nothing in src imports"


def no_file_is_large(files: Checkout) -> Iterator[str]:
    for path, size in files.sizes.items():
        if size > FILE_BYTES_MAX:
            yield f"{path}: {size} bytes, more than {FILE_BYTES_MAX}: generated or recorded data stays out"


SOURCE_RULES: tuple[Callable[[Source], Iterator[str]], ...] = (
    function_fits_a_screen,
    module_fits_a_head,
    nothing_left_unfinished,
    no_error_is_swallowed,
    only_the_console_prints,
    ignore_names_its_rule_and_reason,
    time_has_a_zone,
    all_names_what_is_public,
)
TEXT_RULES = (no_registry_is_named, no_path_of_a_machine, lines_end_plainly)
CHECKOUT_RULES = (no_module_is_dead, every_module_has_a_test, dependencies_are_what_is_imported, no_file_is_large)


def name_of(rule: Callable[..., Iterator[str]]) -> str:
    return rule.__name__


@pytest.mark.parametrize("rule", SOURCE_RULES, ids=name_of)
def test_source(rule: Callable[[Source], Iterator[str]]) -> None:
    problems = [problem for source in checkout().python("src/") for problem in rule(source)]
    assert not problems, "\n" + "\n".join(problems)


@pytest.mark.parametrize("rule", TEXT_RULES, ids=name_of)
def test_text(rule: Callable[[Source], Iterator[str]]) -> None:
    problems = [problem for source in checkout().sources for problem in rule(source)]
    assert not problems, "\n" + "\n".join(problems)


@pytest.mark.parametrize("rule", CHECKOUT_RULES, ids=name_of)
def test_checkout(rule: Callable[[Checkout], Iterator[str]]) -> None:
    problems = list(rule(checkout()))
    assert not problems, "\n" + "\n".join(problems)


GOOD = '''"""A sample that every rule passes."""
from datetime import UTC, datetime

__all__ = ["now"]


def now() -> datetime:
    return datetime.now(UTC)
'''

BAD: tuple[tuple[Callable[[Source], Iterator[str]], str], ...] = (
    (function_fits_a_screen, "def f():\n" + "    a = 1\n" * FUNCTION_LINES_MAX),
    (module_fits_a_head, "a = 1\n" * (MODULE_LINES_MAX + 1)),
    *((nothing_left_unfinished, f"# {word}: later\n") for word in WORDS),
    (no_error_is_swallowed, "try:\n    f()\nexcept:\n    raise\n"),
    (no_error_is_swallowed, "try:\n    f()\nexcept Exception:\n    pass\n"),
    (only_the_console_prints, "print('hello')\n"),
    (ignore_names_its_rule_and_reason, "f()  # type:" + " ignore\n"),
    (ignore_names_its_rule_and_reason, "f()  # pyright:" + " ignore[reportAny]\n"),
    (ignore_names_its_rule_and_reason, "f()  # no" + "qa: E501\n"),
    (time_has_a_zone, "datetime.now()\n"),
    (time_has_a_zone, "dt.datetime.utcnow()\n"),
    (time_has_a_zone, "datetime.fromtimestamp(1)\n"),
    (all_names_what_is_public, "def f(): ...\n"),
    (all_names_what_is_public, "__all__ = ['g']\n"),
    (all_names_what_is_public, "__all__ = []\ndef f(): ...\n"),
    *((no_registry_is_named, f"from https://{host}/simple\n") for host in HOSTS),
    (no_path_of_a_machine, "open('/wo" + "rk/main/data')\n"),
    (no_path_of_a_machine, "HOME is /ro" + "ot\n"),
    (lines_end_plainly, "a = 1 \n"),
    (lines_end_plainly, "a = 1\r\n"),
    (lines_end_plainly, "a = 1"),
)


@pytest.mark.parametrize(("rule", "text"), BAD)
def test_rule_sees_a_bad_sample(rule: Callable[[Source], Iterator[str]], text: str) -> None:
    assert list(rule(Source("src/quarterdeck/sample.py", text)))


@pytest.mark.parametrize("rule", [*SOURCE_RULES, *TEXT_RULES], ids=name_of)
def test_rule_passes_a_good_sample(rule: Callable[[Source], Iterator[str]]) -> None:
    assert not list(rule(Source("src/quarterdeck/sample.py", GOOD)))


@pytest.mark.parametrize(
    "text",
    [
        "f()  # pyright:" + " ignore[reportAny] numba has no stubs\n",
        "f()  # pyright:" + " ignore[reportAny] # numba has no stubs\n",
        "f()  # type:" + " ignore[attr-defined] # set by the decorator\n",
        "f()  # no" + "qa: BLE001 - a strategy may raise anything\n",
    ],
)
def test_ignore_with_a_reason_passes(text: str) -> None:
    assert not list(ignore_names_its_rule_and_reason(Source("src/quarterdeck/sample.py", text)))


def sample(**texts: str) -> Checkout:
    sources = tuple(Source(path.replace("__", "/") + ".py", text) for path, text in texts.items())
    return Checkout(sources, {source.path: len(source.text) for source in sources})


def test_dead_module_is_seen() -> None:
    living = sample(src__quarterdeck__a="from quarterdeck.b import f", src__quarterdeck__b="import quarterdeck.a")
    dead = sample(src__quarterdeck__a="from quarterdeck.b import f", src__quarterdeck__b="")
    assert not list(no_module_is_dead(living))
    assert [problem.split(":")[0] for problem in no_module_is_dead(dead)] == ["src/quarterdeck/a.py"]


def test_module_without_a_test_is_seen() -> None:
    files = sample(src__quarterdeck__a="", src__quarterdeck__b="", tests__test_a="from quarterdeck import a")
    assert [problem.split(":")[0] for problem in every_module_has_a_test(files)] == ["src/quarterdeck/b.py"]


def test_dependency_that_is_not_asked_for_or_not_used_is_seen() -> None:
    code = Source("src/quarterdeck/a.py", "import sys\nimport numpy as np\nfrom pydantic_core import x\n")
    asks = Source("pyproject.toml", '[project]\ndependencies = ["numpy>=2", "rich[all]>=15"]\n')
    assert list(dependencies_are_what_is_imported(Checkout((code, asks), {}))) == [
        "src/quarterdeck/a.py: imports pydantic-core, which pyproject.toml does not ask for",
        "pyproject.toml: asks for rich, which nothing in src imports",
    ]


def test_large_file_is_seen() -> None:
    assert list(no_file_is_large(Checkout((), {"data.bin": FILE_BYTES_MAX + 1})))
