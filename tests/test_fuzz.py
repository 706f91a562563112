"""Links and files by the hundred, as no person would write them: each is taken, or refused in one line."""

import json
import random
import subprocess
import sys
from pathlib import Path

import pytest

from core.experiment.experiment import FIELDS, Experiment
from core.experiment.presets import PRESETS
from tests.fuzz import COUNT, FORMULAS

LINKS = 3000
ODD = (
    *FORMULAS, "", " ", ",", ",,,", "-", "--", "0", "-0", "-1", "1e308", "1e999", "nan", "inf", "1_000", "0x1F", "١",
    "9" * 400, "a" * 3000, "64-" * 300, "64," * 300, "normal:", ":", "normal:nan", "normal:1:2", "momentum:2", "🧪",
    "\0", "\n", "\r\nSet-Cookie: x", "%00", "../../etc/passwd", "{}", "[1]", "null", "true", "e\u0301", "\u202egnp",
    "\ud800",
)  # fmt: skip


def links(seed: int) -> list[dict[str, str]]:
    """Query parameters: those of real experiments with some replaced, damaged, left out, or made up."""
    rng = random.Random(seed)
    real = [Experiment().to_params(), *(preset.experiment.to_params() for preset in PRESETS.values())]
    real.append({name: str(getattr(Experiment(), name)) for name in FIELDS})
    found = []
    for _ in range(LINKS):
        given = dict(rng.choice(real))
        for _ in range(rng.randint(1, 4)):
            name = rng.choice([*FIELDS, *FIELDS, *ODD])
            text = rng.choice([*ODD, given.get(name, "tanh"), str(rng.uniform(-1e3, 1e3)), str(rng.randint(-9, 10**6))])
            if rng.random() < 0.3 and text:
                place = rng.randrange(len(text))
                text = text[:place] + rng.choice(ODD) + text[place:]
            given[name] = text
        found.append(given)
    return found


def test_three_thousand_links_are_taken_or_refused_in_one_line_each() -> None:
    refused = 0
    for given in links(6):
        experiment, errors = Experiment.read_params(given)
        refused += bool(errors)
        for error in errors:
            message = str(error)
            assert len(message.splitlines()) == 1, given
            assert len(message) < 1000, given
            assert message.isprintable(), given
        again, errors = Experiment.read_params(experiment.to_params())
        assert (again, errors) == (experiment, ()), given
        assert len(experiment.key) == 64
    assert LINKS / 10 < refused < LINKS


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="the memory of a process is bounded by Linux's means")
def test_four_hundred_files_are_opened_or_refused_in_bounded_memory_and_nothing_is_written() -> None:
    read = subprocess.run(
        [sys.executable, "-W", "error", "-m", "tests.fuzz"], capture_output=True, text=True, check=False
    )
    assert read.returncode == 0, read.stderr[-3000:]
    met = json.loads(read.stdout)
    assert met["opened"] + met["refused"] == COUNT
    assert met["opened"] > 10
