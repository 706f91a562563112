"""Strategies for texts of initialisers: the whole grammar, in spellings that people use."""

from collections.abc import Sequence

from hypothesis import strategies as st

from core.registries.initialisers import INITIALISERS, Argument, Word


def _value(argument: Argument | Word) -> st.SearchStrategy[str]:
    if isinstance(argument, Word):
        return st.sampled_from(argument.choices)
    if argument.integer:
        return st.integers(int(argument.low), int(argument.high)).map(str)
    floats = st.floats(argument.low, argument.high, allow_subnormal=False)
    return (floats | st.sampled_from([argument.low, argument.high, argument.default]).map(float)).map(repr)


@st.composite
def one_scheme(draw: st.DrawFn, names: Sequence[str] = tuple(INITIALISERS)) -> str:
    """A scheme with the values of one of its forms, or its bare name."""
    scheme = INITIALISERS[draw(st.sampled_from(sorted(names)))]
    values = [draw(_value(argument)) for argument in draw(st.sampled_from([(), *scheme.forms]))]
    if scheme.name == "uniform" and len(values) == 2:
        values.sort(key=float)
        if float(values[0]) == float(values[1]):
            values = []
    return ":".join([scheme.name, *values])


@st.composite
def starts(draw: st.DrawFn, layers: int = 0, names: Sequence[str] = tuple(INITIALISERS)) -> str:
    """One scheme, others for some roles, or, where `layers` are known, a list; some with factors."""

    def part() -> str:
        factor = draw(st.none() | st.floats(1e-9, 1000, allow_subnormal=False) | st.just(1))
        return draw(one_scheme(names)) + ("" if factor is None else f"*{factor!r}")

    if layers > 1 and draw(st.booleans()):
        return ";".join(part() for _ in range(layers))
    roles = draw(st.lists(st.sampled_from(["first", "hidden", "last"]), unique=True, max_size=3))
    return ";".join([part(), *(f"{role}={part()}" for role in roles)])
