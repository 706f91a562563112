"""The tables of a result, column by column: one description for code, CSVs, README and tests.

Every table carries the settings of the run (or group of runs) that a row belongs to, so that a CSV
makes sense on its own. A *group* is all runs that differ in nothing but their seed.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Column:
    """One column: its name, pandas dtype, unit ("" where it has none) and meaning."""

    name: str
    dtype: str
    unit: str
    meaning: str


PERCENTILES = (2, 25, 50, 75, 98)
LEVELS = ("example", "batch", "epoch")
QUANTITIES = ("preactivation", "activation", "gradient", "positive_share")
STATUSES = ("converged", "not_reached", "diverged")

GROUP = (
    Column("group", "str", "", "the settings that vary within the experiment, joined by ' · '"),
    Column("dataset", "str", "", "data set trained on"),
    Column("hidden", "str", "units", "hidden layer widths, input side first, joined by '-'"),
    Column("batch_size", "str", "examples", "examples per update, or 'full'"),
    Column("activation", "str", "", "activation function of the hidden layers"),
    Column("initialiser", "str", "", "scheme that drew the initial weights, as name or name:argument"),
    Column("gain", "float64", "", "factor on the initial weights"),
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
        Column(f"{quantity}_p{p:02d}", "float64", "", f"{p}th percentile of {symbol} over examples and units")
        for p in PERCENTILES
    )


def _by_level(name: str, unit: str, meaning: str) -> tuple[Column, ...]:
    where = {"example": "one example", "batch": "one mini-batch", "epoch": "the whole training set"}
    return tuple(
        Column(f"{name}_{level}", "float64", unit, f"{meaning}; gradient of {where[level]}") for level in LEVELS
    )


SCHEMA: dict[str, tuple[Column, ...]] = {
    "runs": (
        *RUN,
        Column(
            "status",
            "str",
            "",
            "converged (it reached the target, even if it diverged later), diverged (before it reached it) "
            "or not_reached",
        ),
        Column(
            "updates_to_target", "float64", "updates", "first recorded update that meets the target; empty if censored"
        ),
        Column("epochs_to_target", "float64", "epochs", "epoch of that update; empty if censored"),
        Column(
            "diverged_at",
            "float64",
            "updates",
            "recorded update at which it was found diverged; empty where it never was",
        ),
        Column("last_update", "int64", "updates", "last update that was recorded: where a censored run is censored"),
        Column("final_train_loss", "float64", "", "training loss at the last recorded point"),
        Column("final_test_loss", "float64", "", "test loss at the last recorded point"),
        Column("final_train_accuracy", "float64", "share", "training accuracy at the last recorded point"),
        Column("final_test_accuracy", "float64", "share", "test accuracy at the last recorded point"),
        Column("best_train_loss", "float64", "", "lowest recorded training loss"),
        Column("best_test_loss", "float64", "", "lowest recorded test loss"),
        Column("best_train_accuracy", "float64", "share", "highest recorded training accuracy"),
        Column("best_test_accuracy", "float64", "share", "highest recorded test accuracy"),
        Column("path_length", "float64", "", "sum of the Euclidean lengths of all updates"),
        Column("displacement", "float64", "", "Euclidean distance between final and initial weights"),
        Column("tortuosity", "float64", "", "path_length / displacement: 1 is a straight line"),
        Column("mean_update_cosine", "float64", "", "mean cosine between successive updates"),
        Column("seconds", "float64", "s", "training time of the run's chunk, divided by the runs in it"),
    ),
    "epochs": (
        *RUN,
        *POINT,
        Column("train_loss", "float64", "", "mean loss over the training set"),
        Column("train_accuracy", "float64", "share", "share of the training set classified correctly"),
        Column("test_loss", "float64", "", "mean loss over the test set"),
        Column("test_accuracy", "float64", "share", "share of the test set classified correctly"),
        Column(
            "gradient_norm",
            "float64",
            "",
            "Euclidean norm of the training set's mean gradient (biases included); beyond the probe, as in training, "
            "slopes below 1e-7 of the largest (float64: 1e-15) are 0",
        ),
        Column("update_to_weight_ratio", "float64", "", "length of the last update / length of the weights before it"),
    ),
    "layers": (
        *RUN,
        *POINT,
        Column("layer", "int64", "", "layer number: hidden layers from 1, the output layer last"),
        Column("role", "str", "", "hidden or output"),
        Column("fan_in", "int64", "units", "inputs of the layer"),
        Column("fan_out", "int64", "units", "units of the layer"),
        Column("preactivation_mean", "float64", "", "mean of the pre-activation a over probe examples and units"),
        Column("preactivation_std", "float64", "", "standard deviation of a over probe examples and units"),
        *_percentiles("preactivation", "a"),
        Column("activation_mean", "float64", "", "mean of the activation h = f(a) (hidden layers)"),
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
        Column(
            "gradient_std",
            "float64",
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
        Column(
            "orthants_visited",
            "float64",
            "orthants",
            "mean over neurons of the distinct sign patterns of their updates so far (fan_in <= 16)",
        ),
        Column("orthants_possible", "float64", "orthants", "2 ** fan_in (fan_in <= 16)"),
    ),
    "histograms": (
        *GROUP,
        *POINT,
        Column("layer", "int64", "", "layer number: hidden layers from 1, the output layer last"),
        Column("quantity", "str", "", "preactivation, activation, gradient or positive_share"),
        Column("level", "str", "", "example, batch or epoch for positive_share; probe or epoch for the others"),
        Column("left", "float64", "", "left edge of the bin; -inf where it gathers all that lies below"),
        Column("right", "float64", "", "right edge of the bin; inf where it gathers all that lies above"),
        Column("count", "float64", "", "values in the bin, over all seeds of the group"),
        Column("density", "float64", "", "count / total / bin width; empty for bins without end"),
    ),
}


def names(table: str) -> list[str]:
    """The column names of `table`, in order."""
    return [column.name for column in SCHEMA[table]]


def data_dictionary() -> str:
    """All tables and columns as a Markdown page: docs/data_dictionary.md is this text."""
    lines = [
        "# Data dictionary",
        "",
        "The tables of a result, each also a CSV. Written by",
        "`python -c 'from core.schema import data_dictionary; print(data_dictionary(), end=\"\")'`.",
    ]
    for table, columns in SCHEMA.items():
        lines += ["", f"## {table}", "", "| column | type | unit | meaning |", "| --- | --- | --- | --- |"]
        lines += [f"| `{c.name}` | {c.dtype} | {c.unit} | {c.meaning.replace('|', chr(92) + '|')} |" for c in columns]
    return "\n".join(lines) + "\n"
