"""Every page of the dashboard: one row each. A new page is its script and its row here."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Entry:
    """One page: its script, its path in the address, its title, its section and its own settings in the link.

    `settings` names the query parameters that the page reads beside those of the experiment (see `pages.parts.view`).
    """

    script: str
    path: str
    title: str
    section: str
    icon: str
    settings: tuple[str, ...] = ()


PAGES = (
    Entry("pages/learn/overview.py", "", "Overview", "Learn", ":material/home:"),
    Entry(
        "pages/learn/activation_functions.py",
        "activation_functions",
        "Activation functions",
        "Learn",
        ":material/show_chart:",
        ("curves", "std", "float64"),
    ),
    Entry(
        "pages/learn/gradient_paths.py",
        "gradient_paths",
        "Gradient paths",
        "Learn",
        ":material/account_tree:",
        ("function", "x1", "x2", "t", "u11", "u21", "u12", "u22", "w1", "w2", "v"),
    ),
    Entry(
        "pages/learn/zigzag.py",
        "zigzag",
        "Zigzag",
        "Learn",
        ":material/route:",
        (
            "functions",
            "updates",
            "start_w1",
            "start_w2",
            "momentum",
            "std",
            "rates",
            "share",
            "rate",
            "steps",
            "draw",
            "step",
        ),
    ),
    Entry(
        "pages/learn/two_by_two.py",
        "two_by_two",
        "Centring or slope",
        "Learn",
        ":material/grid_view:",
        ("outcome", "rate", "network"),
    ),
    Entry(
        "pages/learn/batch_size.py",
        "batch_size",
        "Batch size",
        "Learn",
        ":material/stacks:",
        ("epoch", "layer", "function", "level"),
    ),
    Entry(
        "pages/experiment/saturation.py",
        "saturation",
        "Saturation",
        "Experiment",
        ":material/stacked_line_chart:",
        ("group", "epoch", "scale_epoch", "layer"),
    ),
    Entry(
        "pages/experiment/signal_propagation.py",
        "signal_propagation",
        "Signal propagation",
        "Experiment",
        ":material/cell_tower:",
        ("epoch", "diagram", "sw", "sb"),
    ),
    Entry(
        "pages/experiment/gradient_signs.py",
        "gradient_signs",
        "Gradient signs",
        "Experiment",
        ":material/exposure:",
        ("epoch", "layer", "level", "log_epoch"),
    ),
    Entry(
        "pages/experiment/convergence.py",
        "convergence",
        "Convergence",
        "Experiment",
        ":material/trending_down:",
        ("measure", "x", "log_x", "log_y", "runs", "smoothing", "baseline"),
    ),
    Entry(
        "pages/experiment/runs.py",
        "runs",
        "Runs",
        "Experiment",
        ":material/table_rows:",
        ("groups", "status"),
    ),
)
