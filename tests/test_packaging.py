"""What pip installs: every package, the configuration, types and a command; and the floors to try it with."""

import re
import tomllib
from pathlib import Path

from core.__main__ import _options, main
from core.experiment.experiment import ENGINE_VERSION

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
TOOL = PROJECT["tool"]["setuptools"]


def test_every_folder_of_code_is_a_package_and_every_other_one_is_there() -> None:
    folders = {path.parent.relative_to(ROOT) for room in ("core", "pages") for path in (ROOT / room).rglob("*.py")}
    assert set(TOOL["packages"]) - {*TOOL["package-dir"]} == {".".join(folder.parts) for folder in folders}
    for package, folder in TOOL["package-dir"].items():
        assert all((ROOT / folder / name).is_file() for name in TOOL["package-data"][package])
    assert (ROOT / "core" / "py.typed").is_file()
    assert all((ROOT / f"{module}.py").is_file() for module in TOOL["py-modules"])


def test_the_version_is_that_of_the_engine_and_the_command_is_there() -> None:
    assert PROJECT["project"]["version"].partition(".")[0] == ENGINE_VERSION
    assert PROJECT["project"]["scripts"] == {"init-lab": f"{main.__module__}:{main.__name__}"}


def test_the_installed_dashboard_gets_every_setting_of_the_configuration() -> None:
    text = (ROOT / ".streamlit" / "config.toml").read_text(encoding="utf-8")
    options = _options(tomllib.loads(text))
    assert "--server.headless=true" in options
    assert "--theme.light.primaryColor=#1f5fa8" in options
    assert len(options) == len(re.findall(r"^\w+ =", text, re.MULTILINE))


def test_the_floors_are_those_of_the_requirements() -> None:
    floors = dict(re.findall(r"^([\w-]+)==([\d.]+)\.\*$", (ROOT / "tests" / "floors.txt").read_text(), re.MULTILINE))
    wanted = dict(re.findall(r"^([\w-]+)>=([\d.]+),", (ROOT / "requirements.txt").read_text(), re.MULTILINE))
    assert floors.keys() == wanted.keys()
    assert all(floor == wanted[name] or floor == f"{wanted[name]}.0" for name, floor in floors.items())
