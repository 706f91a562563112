"""Settings: what the host's environment says, and clear words where it says nonsense."""

import os
from pathlib import Path
from typing import Any

import pytest

from core.settings import Settings, SettingsError, cpu_count, memory_size


def test_without_variables_results_go_to_the_cache_folder_and_every_processor_works() -> None:
    settings = Settings.read({"HOME": "/home/ann"})
    assert settings.store == Path("/home/ann/.cache/initialisation-lab")
    assert settings.store_bytes == 500_000_000
    assert settings.workers == cpu_count() >= 1
    assert settings.dask is None
    assert (settings.jobs_per_visitor, settings.jobs, settings.limit_seconds) == (2, 50, 300)
    assert (settings.jobs_per_address, settings.unwatched_seconds, settings.forwarded) == (25, 120, "")
    assert settings.limit_bytes == 10**9
    assert settings.memory_bytes == memory_size() // 2


def test_a_relative_cache_folder_is_ignored_as_its_standard_asks() -> None:
    assert Settings.read({"XDG_CACHE_HOME": "/cache"}).store == Path("/cache/initialisation-lab")
    assert Settings.read({"XDG_CACHE_HOME": "cache", "HOME": "/h"}).store == Path("/h/.cache/initialisation-lab")


@pytest.mark.parametrize(("text", "expected"), [("0", 0), ("12", 12), ("500MB", 500_000_000), ("2 gb", 2_000_000_000)])
def test_sizes_are_read_with_their_unit(text: str, expected: int) -> None:
    assert Settings.read({"LAB_STORE_BYTES": text}).store_bytes == expected


def test_every_variable_is_read() -> None:
    settings = Settings.read({
        "LAB_STORE": "/data", "LAB_WORKERS": "3", "LAB_LIMIT_SECONDS": "60", "LAB_DASK": "tcp://host:8786",
        "LAB_JOBS_PER_VISITOR": "4", "LAB_JOBS": "9", "LAB_SEGMENT_SECONDS": "0.5", "LAB_LIMIT_BYTES": "700MB",
        "LAB_MEMORY_BYTES": "3 GB", "LAB_JOBS_PER_ADDRESS": "7", "LAB_UNWATCHED_SECONDS": "30",
        "LAB_FORWARDED": "X-Real-IP", "LAB_UPLOAD_BYTES": "5k", "LAB_STORE_TABLES": "yes", "LAB_STORE_BYTES": "6M",
    })  # fmt: skip
    assert settings == Settings(
        store=Path("/data"), workers=3, limit_seconds=60, dask="tcp://host:8786", jobs_per_visitor=4, jobs=9,
        segment_seconds=0.5, limit_bytes=700_000_000, memory_bytes=3_000_000_000, jobs_per_address=7,
        unwatched_seconds=30, forwarded="X-Real-IP", upload_bytes=5000, store_bytes=6_000_000, store_tables=True,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("LAB_WORKERS", "0"), ("LAB_WORKERS", "two"), ("LAB_WORKERS", "1.5"), ("LAB_JOBS", "-1"),
        ("LAB_LIMIT_SECONDS", "nan"), ("LAB_LIMIT_SECONDS", "inf"), ("LAB_STORE_BYTES", "lots"),
        ("LAB_DASK", "host"), ("LAB_SEGMENT_SECONDS", "0"), ("LAB_LIMIT_BYTES", "-1"), ("LAB_MEMORY_BYTES", "half"),
        ("LAB_JOBS_PER_ADDRESS", "0"), ("LAB_UNWATCHED_SECONDS", "0.5"), ("LAB_FORWARDED", "X-Real-IP: 1.2.3.4"),
        ("LAB_STORE_TABLES", "1"),
    ],
)  # fmt: skip
def test_nonsense_is_refused_by_name_and_value(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=f"{name} is '{value}': it must be"):
        Settings.read({name: value})


def test_half_of_a_containers_memory_is_used_where_it_has_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    read = Path.read_text
    for text, expected in (("2000000000\n", 2 * 10**9), ("max\n", None), ("9" * 18 + "\n", None)):

        def answer(path: Path, text: str = text, **options: Any) -> str:
            return text if path.name == "memory.max" else read(path, **options)

        monkeypatch.setattr(Path, "read_text", answer)
        machine = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
        assert memory_size() == (expected or machine)
