"""Who asks: a browser by its cookie, all others by their address; and what the pages do when they come back."""

import errno
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from core import own_data
from core.experiment.experiment import Experiment
from core.jobs.jobs import Jobs
from core.jobs.store import Store
from core.settings import Settings
from pages.parts import recent, session, training
from pages.parts.recent import BROWSERS, EXPIRY_SECONDS, MOST, Kept
from pages.parts.session import Recent
from tests.processes import PATIENCE, until

ROOT = Path(__file__).parents[2]
COOKIE = "2|00000000|6c6f6164|0"


class Headers(dict[str, list[str]]):
    def get_all(self, name: str) -> list[str]:
        return self.get(name, [])


@pytest.fixture
def jobs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Jobs]:
    """A registry that trains in a thread of this process."""
    settings = Settings(store=tmp_path)
    store = Store(settings.store, settings.store_bytes)
    with ThreadPoolExecutor(1) as executor, Jobs(settings, store, executor) as registry:
        monkeypatch.setattr(training, "registry", lambda: registry)
        yield registry


@pytest.fixture
def come(jobs: Jobs, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Have a visitor come from there, with those headers and perhaps a cookie."""

    def one(
        address: str | None, cookie: str = "", forwarded: str = "", headers: dict[str, list[str]] | None = None
    ) -> Any:
        cookies = {"_streamlit_xsrf": cookie} if cookie else {}
        context = SimpleNamespace(cookies=cookies, ip_address=address, headers=Headers(headers or {}))
        monkeypatch.setattr(st, "context", context)
        monkeypatch.setattr(st, "session_state", {})
        jobs.settings = replace(jobs.settings, forwarded=forwarded)
        return training.visitor()

    return one


def test_a_browser_is_one_visitor_and_who_keeps_no_cookie_counts_by_address(come: Any) -> None:
    with_cookie, again = come("192.0.2.1", COOKIE), come("192.0.2.9", COOKIE)
    assert with_cookie.name == with_cookie.account == again.name
    first, second = come("192.0.2.1"), come("192.0.2.1")
    assert first.name != second.name, "a cancel stops one's own"
    assert first.account == second.account == first.address == "192.0.2.1"
    assert come(None).account == come(None).account != ""
    assert come("192.0.2.1", "2|made up").account == "192.0.2.1"


def test_all_addresses_of_one_ipv6_network_are_one(come: Any) -> None:
    assert come("2001:db8::1").address == come("2001:db8::ffff:1").address != come("2001:db8:0:1::1").address


def test_addresses_of_ipv4_that_are_written_as_ipv6_are_each_their_own(come: Any) -> None:
    assert come("::ffff:192.0.2.1").address == "192.0.2.1"
    assert come("::ffff:192.0.2.2").address == "192.0.2.2"


def test_a_forwarded_address_counts_only_where_the_host_says_so(come: Any) -> None:
    made_up = {"X-Forwarded-For": ["203.0.113.7"]}
    assert come("203.0.113.7", headers=made_up).account == come("203.0.113.8", headers=made_up).account
    behind = {"X-Forwarded-For": ["203.0.113.7, 198.51.100.2"]}
    assert come(None, forwarded="X-Forwarded-For", headers=behind).account == "198.51.100.2", "what nginx added"
    assert come("192.0.2.1", forwarded="X-Forwarded-For").account == "192.0.2.1", "nobody in front"
    real = {"X-Real-IP": ["198.51.100.3"], **made_up}
    assert come(None, forwarded="X-Real-IP", headers=real).account == "198.51.100.3"
    assert come(None, forwarded="X-Real-IP", headers={"X-Real-IP": ["<b>"]}).account == come(None).account


def several(count: int) -> list[Experiment]:
    return [replace(Experiment(), epochs=epochs) for epochs in range(1, count + 1)]


def test_a_browser_finds_after_a_reload_what_it_had_on_the_screen_and_nobody_else_does(
    come: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Kept()
    monkeypatch.setattr(recent, "kept", lambda: store)
    first, second = several(2)
    own = replace(first, dataset=(own_data("mine", [[0.0], [1.0]] * 10, ["a", "b"] * 10).name,))
    assert own.own_table
    come("192.0.2.1", COOKIE)
    for experiment in (first, second, own, first):
        recent.note(experiment, training.browser())
    assert [one.experiment for one in recent.listed(training.browser())] == [first, own, second]
    come("192.0.2.1", COOKIE)
    assert [one.experiment for one in recent.listed(training.browser())] == [first, second], "the table is not open"
    come("192.0.2.1", COOKIE.replace("6c6f6164", "6c6f6165"))
    assert recent.listed(training.browser()) == []
    come("192.0.2.1")
    recent.note(second, training.browser())
    assert [one.experiment for one in recent.listed(training.browser())] == [second]
    come("192.0.2.1")
    assert recent.listed(training.browser()) == []
    assert len(store) == 1, "nothing is kept of who has no cookie"


def test_what_is_remembered_of_browsers_is_bounded_and_forgotten_after_a_day() -> None:
    now = [1000.0]
    store = Kept(clock=lambda: now[0])
    experiments = several(MOST + 3)
    for at, experiment in enumerate(experiments):
        store.add("somebody", Recent(experiment, now[0] + at))
    assert [one.experiment for one in store.of("somebody")] == experiments[: -MOST - 1 : -1]
    for number in range(BROWSERS + 5):
        store.add(f"browser {number}", Recent(experiments[0], now[0]))
    assert len(store) == BROWSERS
    assert store.of("somebody") == store.of("browser 4") == []
    assert store.of("browser 5")
    now[0] += EXPIRY_SECONDS + 1
    assert store.of("browser 5") == []
    store.add("the next one", Recent(experiments[0], now[0]))
    assert len(store) == 1


def session_of(at: AppTest) -> Any:
    return at.session_state[session.KEY]


def page(**parameters: str) -> AppTest:
    at = AppTest.from_file(str(ROOT / "dashboard.py"), default_timeout=PATIENCE)
    at.query_params.update({"dataset": "iris", "hidden": "4", "seeds": "1", **parameters})
    return at.run()


def test_a_full_disk_is_said_on_the_page(jobs: Jobs, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any, **__: Any) -> Any:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("core.jobs.store.os.fsync", full)
    at = page(epochs="1")
    assert session_of(at).source.wait(PATIENCE)
    until(lambda: jobs.store is not None and jobs.store.warning)
    at.run()
    [warning] = at.warning
    assert warning.value.startswith("Results cannot be stored: No space left on device.")
    assert not at.exception


def test_a_page_that_comes_back_to_a_paused_sweep_goes_on_with_it(jobs: Jobs) -> None:
    jobs.settings = replace(jobs.settings, unwatched_seconds=0.2, limit_seconds=1e9, limit_bytes=10**12)
    at = page(epochs="10000", batch_size="1", statistics="standard", record="log")
    left = session_of(at).source
    until(lambda: not left.active)
    assert left.status == "paused"
    jobs.settings = replace(jobs.settings, unwatched_seconds=1e9)
    at.run()
    again = session_of(at).source
    assert again is not left
    assert again.key == left.key
    assert again.active
    assert not at.exception
    again.cancel(session_of(at).visitor)


def test_two_visitors_with_two_targets_share_one_training_and_each_sees_their_own(jobs: Jobs) -> None:
    first = page(epochs="2", target="train_loss:0")
    job = session_of(first).source
    assert job.wait(PATIENCE)
    second = page(epochs="2", target="train_loss:1000")
    assert session_of(second).source is job
    said = [" ".join(str(element.value) for element in at.run().markdown) for at in (first, second)]
    assert "training loss ≤ 0" in said[0]
    assert "training loss ≤ 1000" in said[1]
    assert not first.exception
    assert not second.exception


def test_train_asks_a_file_for_another_target_and_keeps_showing_it(jobs: Jobs, monkeypatch: pytest.MonkeyPatch) -> None:
    shown = SimpleNamespace(status="done")
    here = session.Session(experiment=Experiment(), source=shown)
    monkeypatch.setattr(session, "current", lambda: here)
    training.train(replace(Experiment(), target="train_loss:0.1"))
    assert here.source is shown
    assert here.experiment.target == "train_loss:0.1"
    training.train(Experiment.from_text("dataset=iris&hidden=3&seeds=1&epochs=1&activation=tanh"))
    assert here.source is not shown
