"""The tables of a result, column by column: one description for code, CSVs, README and tests.

Every table carries the settings of the run (or group of runs) that a row belongs to, so that a CSV
makes sense on its own. A *group* is all runs that differ in nothing but their seed.
"""

import hashlib
from dataclasses import dataclass

from core.text import ordinal

NEEDS_FULL = "empty unless statistics is full"


@dataclass(frozen=True)
class Column:
    """One column: its name, pandas dtype, unit ("" where it has none) and meaning."""

    name: str
    dtype: str
    unit: str
    meaning: str


def _full(name: str, unit: str, meaning: str) -> Column:
    """A column that is measured with full statistics only."""
    return Column(name, "float64", unit, f"{meaning}; {NEEDS_FULL}")


def _at_start(name: str, meaning: str) -> Column:
    """A column that is measured at initialisation, and with full statistics at every recorded point."""
    return Column(name, "float64", "", f"{meaning}; after epoch 0 empty with standard statistics")


MAX_ORTHANT_FAN_IN = 16
"""Weights into a neuron up to which the orthants of its updates are counted."""
PERCENTILES = (2, 25, 50, 75, 98)
LEVELS = ("example", "batch", "epoch")
QUANTITIES = ("preactivation", "activation", "gradient", "positive_share")
STATUSES = ("converged", "not_reached", "diverged", "running")

GROUP = (
    Column("group", "str", "", "the settings that vary within the experiment, joined by ' · '"),
    Column("dataset", "str", "", "data set trained on"),
    Column("hidden", "str", "units", "hidden layer widths, input side first, joined by '-'"),
    Column("residual", "str", "", "true where hidden layers as wide as the one below add its output to theirs"),
    Column("normalisation", "str", "", "none, or layer: pre-activations normalised over the units of their layer"),
    Column("batch_size", "str", "examples", "examples per update, or 'full'"),
    Column("optimiser", "str", "", "update rule, as name or name:argument"),
    Column("activation", "str", "", "activation function of the hidden layers"),
    Column("initialiser", "str", "", "scheme that drew the initial weights, as name or name:argument"),
    Column("gain", "float64", "", "factor on the initial weights"),
    Column("bias_initialiser", "str", "", "scheme that drew the initial biases; 'weights' is as the layer's weights"),
    Column("learning_rate", "float64", "", "learning rate of the optimiser"),
)

RUN = (
    Column("run", "int64", "", "number of the run within the experiment, from 0"),
    *GROUP,
    Column("seed", "int64", "", "seed of the run's weights and of its order of examples"),
)

POINT = (
    Column("epoch", "int64", "epochs", "passes over the training set done at this point; 0 is initialisation"),
    Column("update", "int64", "updates", "weight updates done at this point"),
)


def _percentiles(quantity: str, symbol: str) -> tuple[Column, ...]:
    return tuple(
        Column(f"{quantity}_p{p:02d}", "float64", "", f"{ordinal(p)} percentile of {symbol} over examples and units")
        for p in PERCENTILES
    )


def _by_level(name: str, unit: str, meaning: str) -> tuple[Column, ...]:
    where = {"example": "one example", "batch": "one mini-batch", "epoch": "the whole training set"}
    return tuple(_full(f"{name}_{level}", unit, f"{meaning}; gradient of {where[level]}") for level in LEVELS)


SCHEMA: dict[str, tuple[Column, ...]] = {
    "runs": (
        *RUN,
        Column(
            "status",
            "str",
            "",
            "converged (reached the target, even if it diverged later), diverged (before reaching it), not_reached, or "
            "running (none of these, and its last epoch is still to come: under way, or stopped early)",
        ),
        Column(
            "updates_to_target",
            "float64",
            "updates",
            "first recorded update that meets the target; empty where none does",
        ),
        Column("epochs_to_target", "float64", "epochs", "epoch of that update; empty where there is none"),
        Column(
            "diverged_at",
            "float64",
            "updates",
            "recorded update at which it was found diverged; empty where it never was",
        ),
        Column("last_update", "int64", "updates", "last update that was recorded: the end of training, or diverged_at"),
        Column("final_train_loss", "float64", "", "training loss at the last recorded point"),
        Column("final_test_loss", "float64", "", "test loss at the last recorded point"),
        Column("final_train_accuracy", "float64", "share", "training accuracy at the last recorded point"),
        Column("final_test_accuracy", "float64", "share", "test accuracy at the last recorded point"),
        Column("best_train_loss", "float64", "", "lowest recorded training loss"),
        Column("best_test_loss", "float64", "", "lowest recorded test loss"),
        Column("best_train_accuracy", "float64", "share", "highest recorded training accuracy"),
        Column("best_test_accuracy", "float64", "share", "highest recorded test accuracy"),
        _full("path_length", "", "sum of the Euclidean lengths of all updates"),
        _full("displacement", "", "Euclidean distance between final and initial weights"),
        _full("tortuosity", "", "path_length / displacement: 1 is a straight line"),
        _full("mean_update_cosine", "", "mean cosine between successive updates"),
        Column("seconds", "float64", "s", "training time of the run's chunk, divided by the runs in it"),
    ),
    "epochs": (
        *RUN,
        *POINT,
        Column("train_loss", "float64", "", "mean loss over the training set"),
        Column("train_accuracy", "float64", "share", "share of the training set classified correctly"),
        Column("test_loss", "float64", "", "mean loss over the test set"),
        Column("test_accuracy", "float64", "share", "share of the test set classified correctly"),
        _full(
            "gradient_norm",
            "",
            "Euclidean norm of the training set's mean gradient (biases included); beyond the probe, as in training, "
            "slopes below 1e-7 of the largest (float64: 1e-15) are 0; empty within an epoch",
        ),
        Column("update_to_weight_ratio", "float64", "", "length of the last update / length of the weights before it"),
        *(
            _at_start(f"singular_value_{name}", f"{meaning} of d logits / d inputs at the probe's first 8 examples")
            for name, meaning in {
                "mean": "mean of the singular values",
                "std": "standard deviation of the singular values",
                "min": "least of the singular values",
                "max": "greatest of the singular values",
            }.items()
        ),
        _at_start(
            "condition_number",
            "greatest / least singular value of d logits / d inputs, median over these examples, empty if infinite",
        ),
    ),
    "layers": (
        *RUN,
        *POINT,
        Column("layer", "int64", "", "layer number: hidden layers from 1, the output layer last"),
        Column("role", "str", "", "hidden or output"),
        Column("fan_in", "int64", "units", "inputs of the layer"),
        Column("fan_out", "int64", "units", "units of the layer"),
        Column(
            "preactivation_mean",
            "float64",
            "",
            "mean of the pre-activation a over probe examples and units; a is what enters f, after any normalisation",
        ),
        Column("preactivation_std", "float64", "", "standard deviation of a over probe examples and units"),
        *_percentiles("preactivation", "a"),
        Column(
            "activation_mean",
            "float64",
            "",
            "mean of the activation h, f(a) and what a residual connection adds (hidden layers)",
        ),
        Column("activation_std", "float64", "", "standard deviation of h (hidden layers)"),
        *_percentiles("activation", "h"),
        Column("saturated_low", "float64", "share", "examples x units with slope below the threshold and a < 0"),
        Column("saturated_high", "float64", "share", "examples x units with slope below the threshold and a > 0"),
        Column(
            "saturated",
            "float64",
            "share",
            "examples x units with slope below the threshold: those low, those high, and those flat at a = 0 (relu)",
        ),
        Column("saturated_neurons", "float64", "share", "units saturated on at least 95 % of the examples"),
        Column("dead_flat", "float64", "", "1 where every unit of the layer is a saturated neuron, 0 where not"),
        Column("weight_std", "float64", "", "standard deviation of the layer's weights (biases left out)"),
        Column(
            "weight_rms",
            "float64",
            "",
            "root mean square of the layer's weights (biases left out): at epoch 0 their scale",
        ),
        Column("bias_rms", "float64", "", "root mean square of the layer's biases"),
        _at_start("delta_mean", "mean of d loss / d a, the back-propagated signal, over probe examples and units"),
        _at_start("delta_std", "standard deviation of d loss / d a over probe examples and units"),
        _full(
            "gradient_std",
            "",
            "standard deviation of the mean gradient over the layer's weights; slopes as in gradient_norm",
        ),
        *_by_level("same_sign", "share", "neurons whose non-zero weight gradients share one sign"),
        *_by_level("agreement", "", "mean over neurons of |#positive - #negative| / (#positive + #negative)"),
        *_by_level(
            "pair_agreement", "share", "mean over neurons of the pairs of non-zero weight gradients that share a sign"
        ),
        *_by_level(
            "no_gradient",
            "share",
            "neurons left out because every weight gradient is zero or too small for the number format",
        ),
        Column("agreement_random", "float64", "", "expected agreement of fan_in independent random signs"),
        _full(
            "orthants_visited",
            "orthants",
            "mean over neurons of the distinct sign patterns of their updates so far (fan_in <= 16)",
        ),
        _full("orthants_possible", "orthants", "2 ** fan_in (fan_in <= 16)"),
    ),
    "histograms": (
        *GROUP,
        *POINT,
        Column("layer", "int64", "", "layer number: hidden layers from 1, the output layer last"),
        Column(
            "quantity", "str", "", "preactivation or activation; with full statistics gradient and positive_share too"
        ),
        Column("level", "str", "", "example, batch or epoch for positive_share; probe or epoch for the others"),
        Column("left", "float64", "", "left edge of the bin; -inf where it gathers all that lies below"),
        Column("right", "float64", "", "right edge of the bin; inf where it gathers all that lies above"),
        Column("count", "float64", "", "values in the bin, over all seeds of the group; a bin without any has no row"),
        Column("density", "float64", "", "count / total / bin width; empty for bins without end"),
    ),
}

SETTINGS_FILE = "experiment.json"
DATA_FILE = "data.csv"
"""The rows of somebody's own table, in the zip where they were asked for: the label, then the features."""
FILES = (*(f"{table}.csv" for table in SCHEMA), SETTINGS_FILE)
"""The files of a result, in a folder or a zip."""


def names(table: str) -> list[str]:
    """The column names of `table`, in order."""
    return [column.name for column in SCHEMA[table]]


def version() -> str:
    """A text that changes when the columns of the tables do: their names, types or order."""
    tables = {table: [(column.name, column.dtype) for column in columns] for table, columns in SCHEMA.items()}
    return hashlib.sha256(repr(tables).encode()).hexdigest()[:8]


def data_dictionary() -> str:
    """All tables and columns as a Markdown page: docs/data_dictionary.md is this text."""
    lines = [
        "# Data dictionary",
        "",
        "The tables of a result, each also a CSV. Written by",
        "`python -c 'from core.schema import data_dictionary; print(data_dictionary(), end=\"\")'`.",
        "",
        "CSVs that a page offers have a column more for each setting that is not among these, such as `loss`, `epochs`",
        "and `target`, and for each version (`version_engine` ...). In a zip or a folder `experiment.json` has those.",
    ]
    for table, columns in SCHEMA.items():
        lines += ["", f"## {table}", "", "| column | type | unit | meaning |", "| --- | --- | --- | --- |"]
        lines += [f"| `{c.name}` | {c.dtype} | {c.unit} | {c.meaning.replace('|', chr(92) + '|')} |" for c in columns]
    return "\n".join(lines) + "\n"
