"""What the person who hosts the dashboard can set: environment variables, read once into a frozen Settings."""

import math
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9}


class SettingsError(ValueError):
    """A setting with a wrong value; the text names the variable, the value and what is allowed."""


def cpu_count() -> int:
    """Processors that this process may use: those it may run on, or fewer where a container's quota says so."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text(encoding="ascii").split()
        return max(1, min(allowed, math.ceil(int(quota) / int(period))))
    except (OSError, ValueError):
        return allowed


def memory_size() -> int:
    """Bytes of memory that this process may use: the machine's, or fewer where a container's limit says so."""
    known = hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names
    machine = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") if known else 4 * 10**9
    try:
        return min(machine, int(Path("/sys/fs/cgroup/memory.max").read_text(encoding="ascii")))
    except (OSError, ValueError):  # no container, or one without a limit
        return machine


def default_store(environment: Mapping[str, str]) -> Path:
    """The folder for results: initialisation-lab in the user's cache folder."""
    cache = environment.get("XDG_CACHE_HOME", "")
    # The standard has relative paths ignored.
    folder = Path(cache) if Path(cache).is_absolute() else Path(environment.get("HOME") or Path.home()) / ".cache"
    return folder / "initialisation-lab"


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Settings of one server; each field is named after its variable, without the LAB_."""

    store: Path
    """LAB_STORE: folder of the finished results."""
    store_bytes: int = 500 * 10**6
    """LAB_STORE_BYTES: bound on that folder, in bytes or as 500MB; 0 keeps nothing."""
    workers: int = 1
    """LAB_WORKERS: processes that train; as many as there are processors unless set."""
    limit_seconds: float = 300.0
    """LAB_LIMIT_SECONDS: a sweep whose estimate is longer is refused."""
    limit_bytes: int = 10**9
    """LAB_LIMIT_BYTES: a sweep whose estimate of memory is larger is refused."""
    memory_bytes: int = 10**9
    """LAB_MEMORY_BYTES: memory of all sweeps together, in training or shown; half of the machine's unless set."""
    dask: str | None = None
    """LAB_DASK: address of a Dask scheduler, such as tcp://host:8786, to train on its workers instead."""
    jobs_per_visitor: int = 2
    """LAB_JOBS_PER_VISITOR: unfinished sweeps that one visitor may have."""
    jobs: int = 50
    """LAB_JOBS: unfinished sweeps that the server takes on."""
    jobs_per_address: int = 25
    """LAB_JOBS_PER_ADDRESS: unfinished sweeps that all visitors from one address may have."""
    unwatched_seconds: float = 120.0
    """LAB_UNWATCHED_SECONDS: a sweep that nobody has looked at for so long is saved and leaves its place to others."""
    forwarded: str = ""
    """LAB_FORWARDED: the header in which a server in front tells a visitor's address, such as X-Forwarded-For."""
    upload_bytes: int = 10**9
    """LAB_UPLOAD_BYTES: bound on the memory of results from visitors' files, all together; 0 takes none."""
    store_tables: bool = False
    """LAB_STORE_TABLES: yes, and results of visitors' own tables are stored too where the visitor says so; else no."""
    segment_seconds: float = 0.3
    """LAB_SEGMENT_SECONDS: how long a worker trains before it takes up the next visitor's sweep."""

    @classmethod
    def read(cls, environment: Mapping[str, str] = os.environ) -> "Settings":
        """The settings in `environment`; a variable that is missing or empty has its default.

        Raises SettingsError for a value that cannot be used.
        """
        text = {name: environment.get(name, "").strip() for name in environment if name.startswith("LAB_")}

        def number(name: str, default: float, low: float) -> float:
            value = text.get(name)
            if not value:
                return default
            try:
                result = float(value)
            except ValueError:
                result = math.nan
            if not low <= result < math.inf:
                raise SettingsError(f"{name} is {value!r}: it must be a number of at least {low:g}")
            return result

        def whole(name: str, default: int) -> int:
            result = number(name, default, 1)
            if result != int(result):
                raise SettingsError(f"{name} is {text[name]!r}: it must be a whole number of at least 1")
            return int(result)

        return cls(
            store=Path(text["LAB_STORE"]).expanduser().absolute()
            if text.get("LAB_STORE")
            else default_store(environment),
            store_bytes=_bytes("LAB_STORE_BYTES", text.get("LAB_STORE_BYTES") or "500MB"),
            workers=whole("LAB_WORKERS", cpu_count()),
            limit_seconds=number("LAB_LIMIT_SECONDS", cls.limit_seconds, 1),
            limit_bytes=_bytes("LAB_LIMIT_BYTES", text.get("LAB_LIMIT_BYTES") or "1GB"),
            memory_bytes=_bytes("LAB_MEMORY_BYTES", text.get("LAB_MEMORY_BYTES") or str(memory_size() // 2)),
            dask=_address("LAB_DASK", text.get("LAB_DASK", "")),
            jobs_per_visitor=whole("LAB_JOBS_PER_VISITOR", cls.jobs_per_visitor),
            jobs=whole("LAB_JOBS", cls.jobs),
            jobs_per_address=whole("LAB_JOBS_PER_ADDRESS", cls.jobs_per_address),
            unwatched_seconds=number("LAB_UNWATCHED_SECONDS", cls.unwatched_seconds, 1),
            forwarded=_header("LAB_FORWARDED", text.get("LAB_FORWARDED", "")),
            upload_bytes=_bytes("LAB_UPLOAD_BYTES", text.get("LAB_UPLOAD_BYTES") or "1GB"),
            store_tables=_yes("LAB_STORE_TABLES", text.get("LAB_STORE_TABLES") or "no"),
            segment_seconds=number("LAB_SEGMENT_SECONDS", cls.segment_seconds, 0.01),
        )


def read_bytes(text: str) -> int:
    """A number of bytes, as 500000000 or 500MB. Raises ValueError for another text."""
    match = re.fullmatch(r"(\d{1,15})\s*([kmg]?)b?", text.lower())
    if match is None:
        raise ValueError(text)
    return int(match[1]) * UNITS[match[2]]


def _bytes(name: str, value: str) -> int:
    try:
        return read_bytes(value)
    except ValueError:
        raise SettingsError(f"{name} is {value!r}: it must be a number of bytes, such as 500000000 or 500MB") from None


def _yes(name: str, value: str) -> bool:
    if value not in ("yes", "no"):
        raise SettingsError(f"{name} is {value!r}: it must be yes or no")
    return value == "yes"


def _header(name: str, value: str) -> str:
    if value and not re.fullmatch(r"[A-Za-z][A-Za-z0-9-]{0,63}", value):
        raise SettingsError(f"{name} is {value!r}: it must be the name of a header, such as X-Forwarded-For")
    return value


def _address(name: str, value: str) -> str | None:
    if value and not re.fullmatch(r"(tcp|tls|ws|wss)://[^\s/]+:\d{1,5}", value):
        raise SettingsError(f"{name} is {value!r}: it must be the address of a Dask scheduler, such as tcp://host:8786")
    return value or None
