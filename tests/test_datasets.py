"""Data sets: equal to scikit-learn's, split fairly, scaled by the training part alone."""

import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import sklearn.datasets
from sklearn.preprocessing import MinMaxScaler, StandardScaler

from core.registries.datasets import (
    DATASETS,
    MAX_SAMPLES,
    MIN_SAMPLES,
    SCALINGS,
    Data,
    Dataset,
    canonical,
    dataset_of,
    load,
    scale,
)

SYNTHETIC = [name for name, dataset in DATASETS.items() if dataset.synthetic]
NOISY = [name for name in SYNTHETIC if DATASETS[name].noisy]
SPLIT = [name for name, dataset in DATASETS.items() if not dataset.whole]
REAL = [name for name in SPLIT if name not in SYNTHETIC]
VARIANTS = ["circles:0.8", "spirals:3", "gaussian_blobs:5", "gaussian:7:10", "gaussian_teacher:3", "parity:4"]


def parts(data: Data) -> tuple[np.ndarray, ...]:
    return data.train_x, data.train_y, data.test_x, data.test_y


@pytest.mark.parametrize("name", REAL)
def test_real_data_equal_scikit_learns_loader(name: str) -> None:
    dataset, bunch = DATASETS[name], getattr(sklearn.datasets, f"load_{name}")()
    assert dataset.read is not None
    x, y = dataset.read()
    np.testing.assert_array_equal(x, bunch.data)
    np.testing.assert_array_equal(y, bunch.target)
    assert dataset.feature_names == tuple(bunch.feature_names)
    assert dataset.class_names == tuple(str(label) for label in bunch.target_names)
    assert dataset.examples == len(bunch.data)


@pytest.mark.parametrize("name", [*DATASETS, *VARIANTS])
def test_the_sizes_of_both_parts_are_known_without_the_data(name: str) -> None:
    dataset = dataset_of(name)
    for samples in (MIN_SAMPLES, 21, 22, 23, 101, 250, 400) if dataset.synthetic else (400,):
        for test_share in (0, 0.05, 0.1, 0.2, 0.25, 0.33, 0.5, 0.9):
            data = load(name, samples=samples, test_share=test_share)
            assert dataset.part_sizes(samples, test_share) == (len(data.train_y), len(data.test_y))
            sizes = np.bincount(np.append(data.train_y, data.test_y))
            known = dataset.class_sizes
            assert (known(samples) if callable(known) else known) == tuple(sizes.tolist())


def test_iris_at_a_test_share_of_a_twentieth_trains_on_144() -> None:
    assert DATASETS["iris"].part_sizes(400, 0.05) == (144, 6)


def test_real_data_and_initialisers_need_no_import_of_scikit_learn() -> None:
    code = f"""
import sys
from core.registries import initialisers
from core.registries.datasets import load
for name in {REAL}:
    load(name)
sys.exit("sklearn" in sys.modules or "scipy" in sys.modules)
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60, cwd=Path(__file__).parents[1])


def test_missing_scikit_learn_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ModuleNotFoundError, match="scikit-learn"):
        load("iris")


def test_a_real_data_set_is_whatever_reads_as_many_rows_as_it_says(monkeypatch: pytest.MonkeyPatch) -> None:
    x, y = np.arange(80.0).reshape(40, 2), np.arange(40) % 2
    own = Dataset("own", "s", "s", ("a", "b"), ("no", "yes"), class_sizes=(20, 20), read=lambda: (x, y))
    monkeypatch.setitem(DATASETS, "own", own)
    data = load("own", scaling="raw")
    rows = np.concatenate([data.train_x, data.test_x])
    np.testing.assert_array_equal(np.sort(rows[:, 0]), x[:, 0])
    monkeypatch.setitem(DATASETS, "own", replace(own, class_sizes=(20, 21)))
    with pytest.raises(ValueError, match=r"'own' has the shape \(40, 2\), not \(41, 2\)"):
        load("own")
    monkeypatch.setitem(DATASETS, "own", replace(own, class_sizes=(19, 21)))
    with pytest.raises(ValueError, match=r"'own' has classes of \(20, 20\) examples, not \(19, 21\)"):
        load("own")


@pytest.mark.parametrize("scaling", SCALINGS)
@pytest.mark.parametrize("name", [*DATASETS, *VARIANTS])
def test_shapes_and_types_are_as_described(name: str, scaling: str) -> None:
    dataset, data = dataset_of(name), load(name, samples=200, scaling=scaling)
    assert dataset.name == name
    assert len(data.train_x) + len(data.test_x) == (dataset.examples or 200)
    for x, y in ((data.train_x, data.train_y), (data.test_x, data.test_y)):
        assert x.shape == (len(y), dataset.features)
        assert x.dtype == np.float64
        assert x.flags.c_contiguous
        assert y.dtype == np.int64
        assert set(y) == (set() if dataset.whole and y is data.test_y else set(range(dataset.classes)))
        assert np.isfinite(x).all()
    assert (data.class_names, data.feature_names) == (dataset.class_names, dataset.feature_names)


@pytest.mark.parametrize("test_share", [0.05, 0.2, 0.5, 0.9])
@pytest.mark.parametrize("name", SPLIT)
def test_split_is_stratified(name: str, test_share: float) -> None:
    data = load(name, samples=MIN_SAMPLES, test_share=test_share)
    test = np.bincount(data.test_y)
    assert set(data.train_y) == set(data.test_y)
    both = test + np.bincount(data.train_y)
    assert (np.abs(test - np.maximum(test_share * both, 1)) <= 0.5 + 1e-9).all()


@pytest.mark.parametrize("name", DATASETS)
def test_split_keeps_every_example_once_with_its_class(name: str) -> None:
    data = load(name, scaling="raw", seed=1)
    other = load(name, scaling="raw", seed=1, test_share=0.5)
    rows = [
        np.vstack([np.column_stack([d.train_x, d.train_y]), np.column_stack([d.test_x, d.test_y])])
        for d in (data, other)
    ]
    first, second = (table[np.lexsort(table.T)] for table in rows)
    np.testing.assert_array_equal(first, second)
    if (read := DATASETS[name].read) is not None:
        x, y = read()
        table = np.column_stack([x, y])
        np.testing.assert_array_equal(first, table[np.lexsort(table.T)])


@pytest.mark.parametrize("name", DATASETS)
def test_equal_arguments_give_equal_data_and_another_seed_other_rows(name: str) -> None:
    first, again, other = load(name, seed=5), load(name, seed=5), load(name, seed=6)
    for a, b in zip(parts(first), parts(again), strict=True):
        np.testing.assert_array_equal(a, b)
    assert (first.train_x != other.train_x).any()


def test_seed_chooses_which_examples_are_in_the_test_part() -> None:
    chosen = [{tuple(row) for row in load("digits", scaling="raw", seed=seed).test_x} for seed in (0, 1)]
    share = len(chosen[0] & chosen[1]) / len(chosen[0])
    assert 0.1 < share < 0.3  # a fifth by chance


@pytest.mark.parametrize("name", DATASETS)
def test_training_rows_are_shuffled(name: str) -> None:
    y = load(name).train_y
    changes = np.count_nonzero(np.diff(y)) / (len(y) - 1)
    share = np.bincount(y) / len(y)
    expected = 1 - (share**2).sum()
    assert abs(changes - expected) < 4.5 * np.sqrt(expected * (1 - expected) / len(y))


@pytest.mark.parametrize("name", DATASETS)
def test_scaling_equals_scikit_learns_scalers_fitted_on_the_training_part(name: str) -> None:
    raw = load(name, scaling="raw")
    varies = np.ptp(raw.train_x, axis=0) > 0
    for scaling, scaler in (
        ("standardised", StandardScaler()),
        ("unit_interval", MinMaxScaler(clip=True)),
        ("symmetric_interval", MinMaxScaler((-1, 1), clip=True)),
    ):
        scaler.fit(raw.train_x)
        data = load(name, scaling=scaling)
        parts = ((data.train_x, raw.train_x), (data.test_x, raw.test_x))
        for x, raw_x in [part for part in parts if len(part[0])]:
            np.testing.assert_allclose(x, np.where(varies, scaler.transform(raw_x), 0), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("scaling", SCALINGS)
def test_test_rows_do_not_reach_the_scaling_of_the_training_rows(scaling: str) -> None:
    rng = np.random.default_rng(0)
    train, test = rng.normal(size=(50, 3)), rng.normal(size=(20, 3))
    np.testing.assert_array_equal(scale(train, test, scaling)[0], scale(train, 1e6 * test, scaling)[0])


@pytest.mark.parametrize("name", SPLIT)
def test_unit_interval_holds_for_training_and_test_rows(name: str) -> None:
    data = load(name, scaling="unit_interval", test_share=0.5)
    for x in (data.train_x, data.test_x):
        assert x.min() >= 0
        assert x.max() <= 1
    varies = np.ptp(data.train_x, axis=0) > 0
    assert (data.train_x.min(axis=0) == 0).all()
    assert (data.train_x.max(axis=0)[varies] == 1).all()


@pytest.mark.parametrize("scaling", ["standardised", "unit_interval", "symmetric_interval"])
def test_constant_features_become_zero_on_both_sides(scaling: str) -> None:
    # 0.1 cannot be written in binary: the mean of many copies is not quite 0.1, nor their std quite 0.
    train = np.column_stack([np.full(77, 0.1), np.arange(77.0)])
    test = np.array([[5.0, 3.0], [0.1, 4.0]])
    for x in scale(train, test, scaling):
        assert (x[:, 0] == 0).all()
        assert (x[:, 1] != 0).any()
    digits = load("digits", scaling=scaling)
    assert (digits.train_x[:, 0] == 0).all()


@pytest.mark.parametrize("name", [*SYNTHETIC, "gaussian_blobs:5", "gaussian:7:10"])
@pytest.mark.parametrize("samples", [MIN_SAMPLES, 401, MAX_SAMPLES])
def test_synthetic_classes_are_balanced_at_any_size(name: str, samples: int) -> None:
    data = load(name, samples=samples)
    counts = np.bincount(np.concatenate([data.train_y, data.test_y]))
    assert counts.sum() == samples
    assert np.ptp(counts) <= 1


@pytest.mark.parametrize("name", NOISY)
def test_noise_is_the_std_added_to_each_coordinate(name: str) -> None:
    clean, noisy = (load(name, samples=4000, noise=noise, scaling="raw") for noise in (0, 2))
    added = noisy.train_x.var(axis=0) - clean.train_x.var(axis=0)
    # The clean points spread by less than 2, so an error of the variance of about 4.5 sqrt(2/n) (4 + 2).
    np.testing.assert_allclose(added, 4, atol=4.5 * np.sqrt(2 / 3200) * 6)


def test_synthetic_classes_lie_where_their_definition_puts_them() -> None:
    moons, rings, spiral, quadrants, blobs = (
        load(name, noise=0, scaling="raw") for name in ("two_moons", "circles", "spirals", "xor", "gaussian_blobs")
    )
    x, y = moons.train_x, moons.train_y
    np.testing.assert_allclose(np.hypot(*(x[y == 0].T)), 1)
    np.testing.assert_allclose(np.hypot(x[y == 1, 0] - 1, x[y == 1, 1] - 0.5), 1)
    assert (x[y == 0, 1] >= 0).all()
    np.testing.assert_allclose(np.hypot(*rings.train_x.T), np.where(rings.train_y == 0, 1, 0.5))
    radius, angle = np.hypot(*spiral.train_x.T), np.arctan2(*spiral.train_x.T[::-1])
    turned = (angle - 2 * np.pi * 1.75 * radius / 2 - np.pi * spiral.train_y) / (2 * np.pi)
    np.testing.assert_allclose(turned, np.round(turned), atol=1e-9)
    np.testing.assert_array_equal(np.prod(quadrants.train_x, axis=1) < 0, quadrants.train_y == 1)
    assert len(np.unique(blobs.train_x.round(9), axis=0)) == 3
    right, upper, lower = (blobs.train_x[blobs.train_y == label].mean(axis=0) for label in range(3))
    assert right[0] > 0.9
    assert upper[1] > 0.8 > -0.8 > lower[1]


def turned(data: Data) -> np.ndarray:
    """The angle of each point of a spiral less its class's half turn, unwound along the radius, in turns."""
    order = np.argsort(np.hypot(*data.train_x.T))
    x, y = data.train_x[order], data.train_y[order]
    angle = np.unwrap(2 * (np.arctan2(*x.T[::-1]) - np.pi * y)) / 2  # twice, as halves of a turn are alike
    return np.asarray(angle / (2 * np.pi))


def test_an_argument_is_the_ratio_of_radii_the_turns_the_clouds_and_the_features() -> None:
    rings = load("circles:0.8", noise=0, scaling="raw", test_share=0)
    theirs, labels = sklearn.datasets.make_circles(400, factor=0.8)
    for label in (0, 1):
        ours = np.hypot(*rings.train_x[rings.train_y == label].T)
        np.testing.assert_allclose(ours, np.hypot(*theirs[labels == label].T), rtol=1e-12)
    for name, turns in (("spirals", 1.75), ("spirals:3", 3.0), ("spirals:0.5", 0.5)):
        data = load(name, samples=2000, noise=0, scaling="raw", test_share=0)
        assert np.ptp(turned(data)) == pytest.approx(0.95 * turns, rel=1e-3), "the spiral begins at a twentieth"
    blobs = load("gaussian_blobs:5", noise=0, scaling="raw", test_share=0)
    centres = np.array([blobs.train_x[blobs.train_y == label].mean(axis=0) for label in range(5)])
    np.testing.assert_allclose(centres @ [1, 1j], np.exp(2j * np.pi * np.arange(5) / 5), atol=1e-12)
    assert load("gaussian:7:10").train_x.shape == (320, 7)


def test_gaussian_inputs_have_the_moments_of_the_normal_distribution_and_labels_that_tell_nothing() -> None:
    data = load("gaussian:10", samples=20_000, scaling="raw", test_share=0)
    x = data.train_x
    n = x.size
    for power, moment, spread in ((1, 0, 1), (2, 1, np.sqrt(2)), (3, 0, np.sqrt(15)), (4, 3, np.sqrt(96))):
        assert abs((x**power).mean() - moment) < 4.5 * spread / np.sqrt(n), f"moment {power}"
    covariance = np.cov(x.T) - np.eye(10)
    assert np.abs(covariance).max() < 5 * np.sqrt(2 / len(x))
    apart = x[data.train_y == 0].mean(axis=0) - x[data.train_y == 1].mean(axis=0)
    assert np.abs(apart).max() < 4.5 * np.sqrt(4 / len(x))


def test_a_teachers_inputs_are_standard_normal_and_one_hyperplane_through_0_parts_its_classes() -> None:
    data = load("gaussian_teacher:5", samples=20_000, scaling="raw", test_share=0)
    x, y = data.train_x, data.train_y
    assert np.abs(x.mean(axis=0)).max() < 4.5 / np.sqrt(len(x))
    assert np.abs(np.cov(x.T) - np.eye(5)).max() < 5 * np.sqrt(2 / len(x))
    # The mean of a side of a normal cloud lies along the normal of the plane.
    normal = x[y == 1].mean(axis=0)
    assert np.mean((x @ normal > 0) == y) > 0.98
    from sklearn.svm import LinearSVC

    fitted = LinearSVC(C=1e6, fit_intercept=False, max_iter=100_000).fit(x[:2000], y[:2000])
    assert fitted.score(x[:2000], y[:2000]) == 1


@pytest.mark.parametrize("bits", [2, 3, 4, 8, 12])
def test_parity_has_every_point_once_and_is_labelled_by_the_product_of_its_inputs(bits: int) -> None:
    data = load(f"parity:{bits}", scaling="raw")
    assert data.train_x.shape == (2**bits, bits)
    assert len(np.unique(data.train_x, axis=0)) == 2**bits
    assert set(data.train_x.ravel()) == {-1, 1}
    # Each input of -1 turns the sign of the product; an odd number of ones leaves bits - 1, bits - 3 ... of them.
    np.testing.assert_array_equal(data.train_y == 1, data.train_x.prod(axis=1) == (-1) ** (bits - 1))
    assert data.test_x.shape == (0, bits)


def test_parity_of_two_bits_is_xor() -> None:
    data = load("parity", scaling="unit_interval")
    table = {tuple(x): y for x, y in zip(data.train_x.tolist(), data.train_y.tolist(), strict=True)}
    assert table == {(0, 0): 0, (0, 1): 1, (1, 0): 1, (1, 1): 0}


@pytest.mark.parametrize("name", SPLIT)
def test_at_a_test_share_of_0_every_example_trains(name: str) -> None:
    data = load(name, test_share=0)
    assert len(data.test_x) == len(data.test_y) == 0
    assert len(data.train_x) == (DATASETS[name].examples or 400)


@pytest.mark.parametrize(
    ("text", "canonical_text"),
    [
        ("circles:0.5", "circles"),
        ("circles:.8", "circles:0.8"),
        ("make_circles", "circles:0.8"),
        ("Two-Spirals:3.0", "spirals:3"),
        ("gaussian:100:2", "gaussian"),
        ("gaussian:100:3", "gaussian:100:3"),
        ("gaussian:1e1", "gaussian:10"),
        ("parity:2", "parity"),
        ("iris", "iris"),
    ],
)
def test_an_argument_at_its_default_is_left_out_of_the_one_spelling(text: str, canonical_text: str) -> None:
    assert canonical(text) == canonical_text
    assert canonical(canonical_text) == canonical_text
    assert dataset_of(text).name == canonical_text


@pytest.mark.parametrize("name", [name for name in DATASETS if DATASETS[name].arguments])
def test_an_entry_is_the_data_set_of_its_defaults(name: str) -> None:
    entry = DATASETS[name]
    stated = ":".join([name, *(f"{argument.default:g}" for argument in entry.arguments)])
    for a, b in zip(parts(load(name)), parts(load(stated)), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"name": "mnist"}, f"dataset 'mnist'; allowed: {next(iter(DATASETS))}"),
        ({"scaling": "z"}, "scaling 'z'; allowed: standardised, unit_interval, symmetric_interval, raw"),
        ({"name": "circles:1"}, "dataset 'circles:1'; allowed: circles takes circles:ratio, ratio from 0.01 to 0.99"),
        ({"name": "gaussian:3:11"}, "allowed: gaussian takes gaussian:features:classes, features from 1 to 2000, a"),
        ({"name": "parity:2:2"}, "dataset 'parity:2:2'; allowed: parity takes parity:bits, bits from 2 to 12, a whole"),
        ({"name": "iris:3"}, "dataset 'iris:3'; allowed: iris takes no argument"),
        ({"name": "own:0123456789ab"}, "dataset 'own:0123456789ab' is somebody's own table that is not here"),
        ({"samples": MIN_SAMPLES - 1}, "samples 19; allowed: from 20 to 20000"),
        ({"samples": MAX_SAMPLES + 1}, "samples 20001"),
        ({"noise": -0.1}, "noise -0.1; allowed: from 0 to 2"),
        ({"noise": float("nan")}, "noise nan"),
        ({"test_share": 0.04}, "test_share 0.04; allowed: 0 or from 0.05 to 0.9"),
        ({"test_share": 1.0}, "test_share 1.0"),
    ],
)
def test_wrong_arguments_are_named_with_what_is_allowed(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        load(**({"name": "xor"} | arguments))  # type: ignore[arg-type]
