"""Every page of the dashboard: one row each. A new page is its script and its row here."""

from dataclasses import dataclass

HOME = "overview"


@dataclass(frozen=True)
class Entry:
    """One page: its name, which is that of its script and its path in the address, its title, section and icon.

    `settings` names the query parameters that the page reads beside those of the experiment (see `pages.parts.view`).
    """

    name: str
    title: str
    section: str
    icon: str
    settings: tuple[str, ...] = ()

    @property
    def script(self) -> str:
        """The page's file, from the folder of dashboard.py."""
        return f"pages/{self.name}.py"

    @property
    def path(self) -> str:
        """The page's path in the address: nothing for the page that opens first."""
        return "" if self.name == HOME else self.name


PAGES = (
    Entry("overview", "Overview", "Learn", ":material/home:"),
    Entry(
        "activation_functions",
        "Activation functions",
        "Learn",
        ":material/show_chart:",
        ("curves", "std", "float64"),
    ),
    Entry(
        "gradient_paths",
        "Gradient paths",
        "Learn",
        ":material/account_tree:",
        ("function", "x1", "x2", "t", "u11", "u21", "u12", "u22", "w1", "w2", "v"),
    ),
    Entry(
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
        "two_by_two",
        "Centring or slope",
        "Learn",
        ":material/grid_view:",
        ("outcome", "rate", "network"),
    ),
    Entry(
        "batch_size",
        "Batch size",
        "Learn",
        ":material/stacks:",
        ("epoch", "layer", "lines", "function", "level"),
    ),
    Entry(
        "saturation",
        "Saturation",
        "Experiment",
        ":material/stacked_line_chart:",
        ("function", "scale_epoch", "group", "epoch", "mean_epoch", "layer"),
    ),
    Entry(
        "signal_propagation",
        "Signal propagation",
        "Experiment",
        ":material/cell_tower:",
        ("epoch", "diagram", "sw", "sb"),
    ),
    Entry(
        "gradient_signs",
        "Gradient signs",
        "Experiment",
        ":material/exposure:",
        ("epoch", "layer", "level", "log_epoch"),
    ),
    Entry(
        "convergence",
        "Convergence",
        "Experiment",
        ":material/trending_down:",
        ("measure", "x", "log_x", "log_y", "runs", "smoothing", "baseline"),
    ),
    Entry(
        "runs",
        "Runs",
        "Experiment",
        ":material/table_rows:",
        ("groups", "status", "sort", "descending"),
    ),
)
