"""How the code hangs together: what each module may import, and what starting a process costs."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
HEAVY = ("streamlit", "altair", "sklearn", "pandas", "scipy")

ENGINE = {
    *(
        "schema",
        "activations",
        "losses",
        "optimisers",
        "initialisers",
        "datasets",
        "blas",
        "clock",
        "network",
        "symmetry",
        "measures",
        "sorting",
    ),
    *("experiment", "state", "recording", "training"),
}
"""The modules that train and measure: what a worker process loads."""


def name_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {name_of(path): path for path in sorted((ROOT / "core").rglob("*.py"))}


@pytest.mark.parametrize("package", ["core", "core.charts", "core.lessons"])
def test_a_package_names_every_module_in_it(package: str) -> None:
    said = ast.get_docstring(ast.parse(MODULES[package].read_text(encoding="utf-8"))) or ""
    inside = {name.removeprefix(f"{package}.") for name in MODULES if name.rpartition(".")[0] == package}
    assert inside - {"__main__"} <= set(re.findall(r"\w+", said))


@cache
def imports(path: Path, everywhere: bool = False) -> set[str]:
    """Modules that a file imports when it is loaded, or anywhere; what only a type checker reads is left out."""
    found: set[str] = set()
    for node in statements(ast.parse(path.read_text(encoding="utf-8")), everywhere):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} has a relative import"
            assert node.module
            inner = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= (inner & MODULES.keys()) or {node.module}
    return found


def statements(node: ast.AST, everywhere: bool) -> Iterator[ast.AST]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and ast.unparse(child.test) == "TYPE_CHECKING":
            continue
        if not everywhere and isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        yield child
        yield from statements(child, everywhere)


def fresh(code: str) -> str:
    """What a new interpreter prints."""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("module", ["core", "core.training", "core.network, core.measures, core.recording"])
def test_the_engine_loads_none_of_the_heavy_packages(module: str) -> None:
    loaded = fresh(f"import sys, {module}\nprint(*(name for name in {HEAVY} if name in sys.modules))")
    assert loaded.split() == []


def test_a_worker_trains_and_measures_without_the_heavy_packages() -> None:
    code = f"""
import sys
from core.datasets import load
from core.experiment import Experiment
from core.training import advance, start
experiment = Experiment(dataset="iris", activation="tanh", hidden=(3,), epochs=1)
state, records = advance(start(experiment, experiment.runs(), load("iris")), 1)
assert len(records) == 2
print(*(name for name in {HEAVY} if name in sys.modules))
"""
    assert fresh(code).split() == []


def test_public_names_that_need_pandas_are_there_when_they_are_asked_for() -> None:
    assert fresh("import core\nprint(all(hasattr(core, name) for name in core.__all__))").strip() == "True"


def test_an_unknown_name_is_an_attribute_error() -> None:
    import core

    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        core.nothing  # noqa: B018


def test_core_knows_no_display_and_no_page() -> None:
    for name, path in MODULES.items():
        for imported in imports(path, everywhere=True):
            assert imported.partition(".")[0] not in {"streamlit", "pages", "dashboard", "tests"}, name


def test_only_charts_know_altair() -> None:
    users = {name for name, path in MODULES.items() if "altair" in imports(path, everywhere=True)}
    assert users
    assert all(name.startswith("core.charts") for name in users)


def test_the_engine_imports_only_the_engine_numpy_and_the_standard_library() -> None:
    # Whatever an experiment is split into belongs to the engine too.
    allowed = {f"core.{name}" for name in ENGINE} | {
        "core.cost",
        "core.fields",
        "core.settings",
        "core.synonyms",
        "core.text",
    }
    for name in sorted(allowed & MODULES.keys()):
        for imported in imports(MODULES[name]):
            top = imported.partition(".")[0]
            if top == "core":
                assert imported in allowed, f"{name} imports {imported}"
            else:
                assert top in sys.stdlib_module_names | {"numpy", "threadpoolctl"}, f"{name} imports {imported}"
    assert {f"core.{name}" for name in ENGINE} <= MODULES.keys()


def test_nothing_that_trains_or_collects_imports_charts_findings_or_jobs() -> None:
    for name in (*sorted(ENGINE), "results", "convergence", "theory"):
        for imported in imports(MODULES[f"core.{name}"], everywhere=True):
            assert not imported.startswith(("core.charts", "core.findings", "core.jobs", "core.lessons")), name


def test_scikit_learn_is_imported_only_where_a_data_set_is_made() -> None:
    for name, path in MODULES.items():
        assert "sklearn" not in {imported.partition(".")[0] for imported in imports(path)}, name
        if "sklearn" in {imported.partition(".")[0] for imported in imports(path, everywhere=True)}:
            assert name == "core.datasets"


def test_no_modules_of_core_import_each_other_in_a_circle() -> None:
    graph = {
        name: {imported for imported in imports(path) if imported in MODULES and imported != "core"}
        for name, path in MODULES.items()
        if path.name not in ("__init__.py", "__main__.py")
    }
    try:
        order = list(TopologicalSorter(graph).static_order())
    except CycleError as error:
        pytest.fail(f"a circle: {' -> '.join(error.args[1])}")
    assert order.index("core.activations") < order.index("core.network") < order.index("core.training")
