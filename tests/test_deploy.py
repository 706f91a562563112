"""Hosting files: the guide names every setting as it is, and what the container is made of serves and is healthy."""

import configparser
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tomllib
import urllib.request
from contextlib import suppress
from dataclasses import fields
from pathlib import Path

from core.settings import Settings, cpu_count, memory_size
from tests.processes import until

ROOT = Path(__file__).parents[1]
GUIDE = (ROOT / "docs" / "hosting.md").read_text(encoding="utf-8")
STEPS = [
    line.split(maxsplit=1)
    for line in (ROOT / "deploy" / "Containerfile").read_text(encoding="utf-8").splitlines()
    if line and not line.startswith("#")
]


def test_the_guide_tells_every_setting_and_its_default() -> None:
    rows = re.findall(r"^\| `(LAB_\w+)` \| (.+?) \| .+ \|$", GUIDE, re.MULTILINE)
    told = {name: default.strip("`") for name, default in rows}
    assert len(rows) == len(told)
    assert set(told) == {f"LAB_{field.name.upper()}" for field in fields(Settings)}
    defaults = Settings.read({"HOME": "/home/ann"})
    in_words = {
        "LAB_STORE": ("initialisation-lab` in the user's cache folder", Path("/home/ann/.cache/initialisation-lab")),
        "LAB_WORKERS": ("one per processor", cpu_count()),
        "LAB_MEMORY_BYTES": ("half of the machine's memory", memory_size() // 2),
        "LAB_FORWARDED": ("none", ""),
        "LAB_DASK": ("none", None),
    }
    for name, text in told.items():
        found = getattr(defaults, name.removeprefix("LAB_").lower())
        if name in in_words:
            assert (text, found) == in_words[name]
        else:
            assert getattr(Settings.read({name: text}), name.removeprefix("LAB_").lower()) == found


def test_what_the_guide_says_of_streamlit_is_in_its_configuration() -> None:
    settings = tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text(encoding="utf-8"))
    assert settings["browser"]["gatherUsageStats"] is False
    assert settings["client"]["showErrorDetails"] == "none"
    assert settings["server"]["maxUploadSize"] == 100
    assert settings["server"]["enableXsrfProtection"] is settings["server"]["enableCORS"] is True
    limit = re.search(r"client_max_body_size (\d+)m;", (ROOT / "deploy" / "nginx.conf").read_text(encoding="utf-8"))
    assert limit is not None
    assert int(limit[1]) > 100


def test_files_that_the_guide_names_exist() -> None:
    named = re.findall(r"`((?:tests|deploy|core|\.streamlit)/[\w./]+)`", GUIDE)
    assert named
    assert [name for name in named if not (ROOT / name).exists()] == []


def test_every_fault_in_the_guide_has_its_test() -> None:
    named = set(re.findall(r"`(test_\w+)` \|$", GUIDE, re.MULTILINE))
    assert len(named) > 10
    sources = [path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("test_*.py")]
    assert {name for name in named if not any(f"def {name}(" in source for source in sources)} == set()


def environment() -> dict[str, str]:
    return dict(step[1].split("=", 1) for step in STEPS if step[0] == "ENV")


def command(word: str) -> str:
    [found] = [step[1] for step in STEPS if step[0] == word]
    return found


def test_the_container_runs_as_a_user_without_rights() -> None:
    words = [step[0] for step in STEPS]
    user = words.index("USER")
    assert STEPS[user][1] == "lab"
    assert not {"RUN", "COPY", "ADD"} & set(words[user:])
    assert environment()["LAB_STORE"] == command("VOLUME")
    assert environment()["STREAMLIT_SERVER_PORT"] == command("EXPOSE")


def test_what_the_container_holds_serves_and_passes_its_health_check(tmp_path: Path) -> None:
    app, store = tmp_path / "app", tmp_path / "store"
    for step in STEPS:
        if step[0] == "COPY":
            *sources, target = step[1].split()
            for source in sources:
                place = app / target / ("" if (ROOT / source).is_dir() else Path(source).name)
                if (ROOT / source).is_dir():
                    shutil.copytree(ROOT / source, place, ignore=shutil.ignore_patterns("__pycache__"))
                else:
                    place.parent.mkdir(parents=True, exist_ok=True)
                    shutil.copy(ROOT / source, place)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    inside = {name: value for name, value in os.environ.items() if not name.startswith(("STREAMLIT_", "LAB_"))}
    inside |= environment() | {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{inside['PATH']}",
        "LAB_STORE": str(store),
        "STREAMLIT_SERVER_ADDRESS": "127.0.0.1",
        "STREAMLIT_SERVER_PORT": str(port),
        "STREAMLIT_SERVER_BASE_URL_PATH": "/lab/",
    }
    check = command("HEALTHCHECK").partition("CMD ")[2]
    with (tmp_path / "log").open("wb") as log:
        server = subprocess.Popen(json.loads(command("CMD")), cwd=app, env=inside, stdout=log, stderr=log)
    try:

        def healthy() -> bool:
            assert server.poll() is None, (tmp_path / "log").read_text(encoding="utf-8")
            with suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{port}/lab/_stcore/health", timeout=5):
                return True
            return False

        until(healthy, 60)
        done = subprocess.run(["sh", "-c", check], cwd=app, env=inside, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stdout, done.stderr) == (
            0,
            "healthy: trained in a process, stored and read back\n",
            "",
        )
        assert any(store.iterdir())
    finally:
        server.kill()
        server.wait()
    done = subprocess.run(["sh", "-c", check], cwd=app, env=inside, capture_output=True, text=True, check=False)
    assert done.returncode == 1, "without a server it is not healthy"


def test_the_service_allows_the_descriptors_of_a_class_and_names_what_nginx_expects() -> None:
    unit = configparser.ConfigParser(strict=False, interpolation=None)
    unit.optionxform = str  # type: ignore[assignment,method-assign]
    unit.read(ROOT / "deploy" / "initialisation-lab.service", encoding="utf-8")
    service = unit["Service"]
    assert int(service["LimitNOFILE"]) >= 4 * 500
    nginx = (ROOT / "deploy" / "nginx.conf").read_text(encoding="utf-8")
    assert service["ExecStart"].endswith("streamlit run dashboard.py --server.allowedHosts lab.example.org")
    assert "server_name lab.example.org;" in nginx
    text = (ROOT / "deploy" / "initialisation-lab.service").read_text(encoding="utf-8")
    environment = dict(
        line.removeprefix("Environment=").split("=", 1) for line in text.splitlines() if "Environment=" in line
    )
    assert f"server 127.0.0.1:{environment['STREAMLIT_SERVER_PORT']} " in nginx
    assert f"location /{environment['STREAMLIT_SERVER_BASE_URL_PATH']}/ {{" in nginx
    assert environment["LAB_STORE"] == f"/var/lib/{service['StateDirectory']}"
    assert {name for name in environment if name.startswith("LAB_")} <= {
        f"LAB_{field.name.upper()}" for field in fields(Settings)
    }
