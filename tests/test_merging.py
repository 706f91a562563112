"""core.results.merging and core.jobs.reuse: results put together are those of one training, to the bit."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from core import merge
from core.__main__ import main
from core.experiment.experiment import Experiment
from core.jobs import plan
from core.jobs.jobs import Jobs
from core.jobs.plan import Segment
from core.jobs.running import run
from core.jobs.store import FORMAT, Store
from core.results.loading import load_result
from core.results.results import Result, ResultError
from core.settings import Settings
from tests.engine import assert_same_tables, change, train
from tests.processes import PATIENCE, until

WHOLE = Experiment.from_text(
    "dataset=iris&activation=tanh,relu&initialiser=normal:1,zeros,lsuv&hidden=5-4-4&gain=20&epochs=2&seeds=4&record=every"
    "&learning_rate=0.1,1e3&batch_size=32,full&probe=40&target=train_accuracy:0.5"
)
"""Some of it diverges at once, and some has no gradient: not every histogram is in every part."""
CUTS: dict[str, list[dict[str, object]]] = {
    "seeds": [{"seeds": 3}, {"first_seed": 3, "seeds": 1}],
    "groups": [{"activation": "tanh"}, {"activation": "relu"}],
    "more than one setting": [
        {"activation": "tanh", "learning_rate": 0.1},
        {"activation": "relu", "learning_rate": 0.1},
        {"learning_rate": 1e3, "seeds": 1},
        {"learning_rate": 1e3, "first_seed": 1, "seeds": 3},
    ],
    "overlapping groups": [{"initialiser": "normal:1,zeros"}, {"initialiser": "zeros,lsuv"}],
    "seeds within seeds": [{}, {"seeds": 2}],
}


@pytest.fixture(scope="module")
def whole() -> Result:
    return train(WHOLE)


def part(**settings: object) -> Result:
    return train(change(WHOLE, **settings))


@pytest.mark.parametrize("cut", CUTS.values(), ids=CUTS)
def test_merged_parts_are_the_whole_to_the_bit(whole: Result, cut: list[dict[str, object]]) -> None:
    assert 0 < whole.runs["diverged_at"].notna().sum() < len(whole.runs)
    merged = merge([part(**settings) for settings in cut])
    assert merged.experiment == WHOLE
    assert_same_tables(merged, whole)
    assert merged.versions == whole.versions


def test_merged_results_are_asked_for_the_target_of_the_first() -> None:
    first, second = part(seeds=2, target="train_loss:0.3"), part(first_seed=2, seeds=2)
    assert_same_tables(merge([first, second]), train(change(WHOLE, target="train_loss:0.3")))


def refused(*results: Result) -> str:
    with pytest.raises(ResultError, match=r"\w") as error:
        merge(results)
    return str(error.value)


def test_what_cannot_be_merged_is_refused_by_name() -> None:
    first = part(seeds=2)
    assert refused() == "there is nothing to merge; allowed: one result or more"
    assert refused(first, part(seeds=2, epochs=1, record="0,1")).startswith(
        "result 2: epochs is 1; allowed: 2, as in the first"
    )
    assert "24 runs cannot be had, such as seed 2 of tanh" in refused(part(seeds=2), part(first_seed=3, seeds=1))
    assert "such as seed 2 of tanh" in refused(part(seeds=2), part(first_seed=1, seeds=2))
    assert refused(first, replace(first, versions={"engine": "1"})).startswith("result 2: engine is 1; allowed: ")
    lacking = replace(first, epochs=first.epochs[first.epochs["epoch"] < 2])
    assert "runs are complete; allowed: results of a whole sweep" in refused(first, lacking)
    other = replace(first, epochs=first.epochs.assign(train_loss=first.epochs["train_loss"] * 1.001))
    assert refused(first, other) == "result 2: epochs.train_loss is not that of the same runs in another result"


def test_the_command_merges_zips(tmp_path: Path, whole: Result, capsys: pytest.CaptureFixture[str]) -> None:
    places = [str(tmp_path / name) for name in ("a.zip", "b.zip", "c.zip")]
    for place, settings in zip(places, CUTS["seeds"], strict=False):
        part(**settings).to_zip(place)
    assert main(["merge", *places[:2], "--zip", places[2]]) == 0
    assert_same_tables(load_result(places[2]), whole)
    part(epochs=1, record="0,1").to_zip(places[1])
    assert main(["merge", *places[:2], "--zip", places[2], "--force"]) == 2
    assert "result 2: epochs is 1" in capsys.readouterr().err
    assert main(["merge", *places[:2], "--zip", places[0]]) == 2
    assert "holds a result already" in capsys.readouterr().err


# From the store


@pytest.fixture
def trained(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int]]:
    """The runs that segments were asked to train for the first time: group and seed."""
    asked: list[tuple[str, int]] = []
    segment = plan.segment

    def counted(state: object, epochs: int) -> Segment:
        if hasattr(state, "data"):
            asked.extend((state.experiment.label(run), run.seed) for run in state.runs)  # type: ignore[attr-defined]
        return segment(state, epochs)  # type: ignore[arg-type]

    monkeypatch.setattr("core.jobs.running.segment", counted)
    monkeypatch.setattr("core.jobs.jobs.segment", counted)
    return asked


def test_more_seeds_and_one_more_group_train_only_what_is_new(
    tmp_path: Path, whole: Result, trained: list[tuple[str, int]]
) -> None:
    store = Store(tmp_path)
    run(change(WHOLE, seeds=3, initialiser="normal:1,zeros", target="train_loss:9"), store=store)
    trained.clear()
    assert_same_tables(run(WHOLE, store=store), whole)
    new = [(group, seed) for group in WHOLE.groups() for seed in range(4) if seed == 3 or "lsuv" in group]
    assert sorted(trained) == sorted(new)
    trained.clear()
    assert_same_tables(run(change(WHOLE, activation="relu"), store=store), train(change(WHOLE, activation="relu")))
    assert trained == [], "a part of it is all there"
    run(change(WHOLE, seeds=2, activation="relu"), store=store)
    assert len(trained) == 2 * len(WHOLE.groups()) / 2, "histograms of four seeds tell nothing of two"
    trained.clear()
    run(change(WHOLE, probe=41, activation="relu"), store=store)
    assert len(trained) == len(WHOLE.runs()) / 2, "measured otherwise"


def test_what_cannot_be_read_in_the_store_is_trained_again(tmp_path: Path, trained: list[tuple[str, int]]) -> None:
    store, small = Store(tmp_path), change(WHOLE, hidden="none", initialiser="zeros", seeds=1)
    run(small, store=store)
    (tmp_path / f"{small.key}.v{FORMAT}.zip").write_bytes(b"nothing")
    trained.clear()
    run(small, store=store)
    assert len(trained) == len(small.runs())
    (tmp_path / f"{change(small, seeds=2).key}.v{FORMAT}.zip").write_bytes(
        (tmp_path / f"{small.key}.v{FORMAT}.zip").read_bytes()
    )
    assert list(store.experiments()) == [small], "one under another's name is none"
    assert list(Store(tmp_path / "none").experiments()) == []


def test_a_server_trains_only_what_is_new_too(tmp_path: Path, whole: Result, trained: list[tuple[str, int]]) -> None:
    settings = Settings(store=tmp_path)
    store = Store(tmp_path, settings.store_bytes)
    run(change(WHOLE, first_seed=1, seeds=3), store=store)
    trained.clear()
    with ThreadPoolExecutor(1) as executor, Jobs(settings, store, executor) as jobs:
        job = jobs.submit(WHOLE, "ann")
        assert job.wait(PATIENCE)
        result = job.result()
        assert result is not None
        assert_same_tables(result, whole)
        assert {seed for _, seed in trained} == {0}
        trained.clear()
        until(lambda: store.load(WHOLE.key))  # which is soon after the job's end
        part = jobs.submit(change(WHOLE, activation="tanh"), "ann")
        assert part.wait(PATIENCE)
        assert part.status == "done"
        assert trained == []
        assert part.progress().share == 1
