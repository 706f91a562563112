"""Lessons: what theory, timing and small worlds show, as tidy tables and as sentences that follow the numbers.

`gradient_paths` is about the drawn network and `zigzag` about descent over two weights (both of `core.neuron`),
`activation_functions` about curves, outputs and the cost of e^x, `signal_propagation` about mean field theory beside
the runs; each has a page.
"""

MINUS = "\N{MINUS SIGN}"
SPACE = "\N{NO-BREAK SPACE}"


def number(value: float, digits: int = 3) -> str:
    """A number for the reader: `digits` significant digits and a real minus sign."""
    return f"{value:.{digits}g}".replace("-", MINUS)


def percent(count: int, total: int) -> str:
    """A share in whole per cent, with < and > so that only none is 0 % and only all is 100 %."""
    share = count / total
    if 0 < share < 0.005:
        return f"<1{SPACE}%"
    return f">99{SPACE}%" if 0.995 < share < 1 else f"{100 * share:.0f}{SPACE}%"


def words(name: str) -> str:
    """A registry name as it is said: centred_logistic is the centred logistic."""
    return name.replace("_", " ")


def listed(parts: list[str]) -> str:
    """'a', 'a and b', 'a, b and c'."""
    return " and ".join(filter(None, [", ".join(parts[:-1]), parts[-1]]))
