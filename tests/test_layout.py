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

FLOORS = (
    *("text", "settings", "schema", "machine", "registries", "experiment", "engine"),
    *("tables", "theory", "results", "jobs", "lessons", "charts"),
)
"""The rooms of `core`, and the files beside them: each imports only what stands before it."""
ENGINE = FLOORS[: FLOORS.index("engine") + 1]
"""What a worker process may load."""


def name_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {name_of(path): path for path in sorted((ROOT / "core").rglob("*.py"))}


@pytest.mark.parametrize("package", sorted({name.rpartition(".")[0] for name in MODULES} - {""}))
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


@pytest.mark.parametrize(
    "module", ["core", "core.engine.training", "core.engine.network, core.engine.measures, core.engine.recording"]
)
def test_the_engine_loads_none_of_the_heavy_packages(module: str) -> None:
    loaded = fresh(f"import sys, {module}\nprint(*(name for name in {HEAVY} if name in sys.modules))")
    assert loaded.split() == []


def test_a_worker_trains_and_measures_without_the_heavy_packages() -> None:
    code = f"""
import sys
from core.registries.datasets import load
from core.experiment.experiment import Experiment
from core.engine.training import advance, start
experiment = Experiment(dataset="iris", activation="tanh", hidden=(3,), epochs=1, record="0,1")
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


def floor(module: str) -> int | None:
    """On which floor a module of `core` is; None for another one, and for the way in."""
    _, _, inside = module.partition("core.")
    room = inside.partition(".")[0]
    return FLOORS.index(room) if module.startswith("core.") and room != "__main__" else None


def test_nothing_is_imported_from_a_floor_above() -> None:
    for name, path in MODULES.items():
        own = floor(name)
        for imported in imports(path, everywhere=True):
            other = floor(imported)
            assert own is None or other is None or other <= own, f"{name} imports {imported}"


def test_the_engine_imports_only_the_engine_numpy_and_the_standard_library() -> None:
    for name, path in MODULES.items():
        if (own := floor(name)) is None or own >= len(ENGINE):
            continue
        for imported in imports(path):
            top = imported.partition(".")[0]
            assert top in sys.stdlib_module_names | {"core", "numpy", "threadpoolctl"}, f"{name} imports {imported}"


def test_scikit_learn_is_imported_only_where_a_data_set_is_made() -> None:
    for name, path in MODULES.items():
        assert "sklearn" not in {imported.partition(".")[0] for imported in imports(path)}, name
        if "sklearn" in {imported.partition(".")[0] for imported in imports(path, everywhere=True)}:
            assert name == "core.registries.datasets"


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
    assert (
        order.index("core.registries.activations")
        < order.index("core.engine.network")
        < order.index("core.engine.training")
    )


def test_the_page_on_the_architecture_names_every_file() -> None:
    said = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    files = [path for folder in ("core", "pages") for path in (ROOT / folder).rglob("*.py") if path.stem != "__init__"]
    named = re.findall(r"`([\w/]+\.py)`", said)
    assert len(files) > 60
    for path in files:
        place = path.relative_to(ROOT).as_posix()
        assert any(place == name or place.endswith(f"/{name}") for name in named), place
    for name in named:
        assert any(path.as_posix().endswith(f"/{name}") for path in [*files, ROOT / "dashboard.py"]), name


def test_no_function_is_longer_than_a_screen() -> None:
    paths = [*MODULES.values(), ROOT / "dashboard.py", *(ROOT / "pages").rglob("*.py")]
    functions = [node for path in paths for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
                 if isinstance(node, ast.FunctionDef)]  # fmt: skip
    assert len(functions) > 1000
    assert [f.name for f in functions if (f.end_lineno or 0) - f.lineno >= 60] == []
