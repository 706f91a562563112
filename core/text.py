"""Numbers and lists in words, the same on every page: shares, counts, plurals, times, intervals and verdicts.

A share is never rounded to 0 % or to 100 % unless it is exactly that: a claim may turn on the difference.
"""

import math
import re
from collections.abc import Sequence

MINUS = "\N{MINUS SIGN}"

SUPPORTED, MIXED, NOT_SUPPORTED, UNDECIDED = VERDICTS = ("supported", "mixed", "not supported", "not decided")
"""What runs say of a claim, in these words on every page."""

NOT_MEASURED = "not measured (needs full statistics)"
"""What is said in place of numbers that standard statistics leave out."""

ONE_SEED = "One seed cannot tell an effect from chance, so these runs decide nothing."
"""Why runs of one seed leave a claim undecided."""

SUPERSCRIPT = str.maketrans("0123456789-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻")
_ORDINALS = {1: "st", 2: "nd", 3: "rd"}


def number(value: float, digits: int = 3) -> str:
    """A number of `digits` significant digits, with a real minus sign: 0.123, −4.5, 1,230, 1.2 × 10⁷, 1.2 × 10⁻⁷."""
    written = f"{value + 0.0:,.{digits}g}"  # there is one zero: -0.0 + 0.0 is 0.0
    if "e+" in written and abs(value) < 1e7:
        written = f"{float(written):,.0f}"
    mantissa, _, power = written.partition("e")
    if power:
        written = f"{mantissa} × 10{str(int(power)).translate(SUPERSCRIPT)}"
    return written.replace("-", MINUS)


def amount(value: float) -> str:
    """A count or the median of counts in full, halves kept: 1,240 or 112.5."""
    return f"{value:,.1f}".removesuffix(".0").replace("-", MINUS)


def share(value: float) -> str:
    """A share in [0, 1] as per cent; only none is 0 % and only all is 100 %, and below 10 % a decimal is kept."""
    if not math.isfinite(value):
        return "not measured"
    if 0.995 <= value < 1:
        return "just under 100 %"
    if 0 < value < 0.0005:
        return "<0.1 %"
    if 0 < value < 0.0995:
        return f"{100 * value:.1f} %"
    return f"{100 * value:,.0f} %".replace("-", MINUS)


def percent(value: float, decimals: int = 0) -> str:
    """A share with so many decimals, for tables and marks: only none is 0 % and only all is 100 %."""
    if not math.isfinite(value):
        return "not measured"
    step = 10.0**-decimals
    written = f"{100 * value:,.{decimals}f}"
    if value > 0 and not written.strip("0."):
        return f"<{step:.{decimals}f} %"
    if value < 1 and written.partition(".")[0] == "100":
        return f">{100 - step:.{decimals}f} %"
    return f"{written} %".replace("-", MINUS)


def shares(values: Sequence[float]) -> str:
    """The range of several shares, or the one share that all of them are."""
    known = [value for value in values if math.isfinite(value)] or [math.nan]
    least, greatest = share(min(known)), share(max(known))
    return least if least == greatest else f"{least} to {greatest}"


def brief(value: float) -> str:
    """A number in as few characters as two digits take, for a small place: 0.12, 45, 1.2k, 3M, 2e−7."""
    size = abs(value)
    power = next((power for power in (9, 6, 3) if size >= 10**power), 0) if size < 1e12 else 0
    written = f"{value / 10**power + 0.0:.{3 if 100 <= size / 10**power < 1000 else 2}g}" + {
        9: "G",
        6: "M",
        3: "k",
    }.get(power, "")
    return re.sub(r"e([+-])0*", lambda found: "e" + found[1].strip("+"), written).replace("-", MINUS)


def count(n: int, noun: str, plural: str = "") -> str:
    """A number of things: '1 run', '2,000 runs', '3 losses' with the plural given."""
    return f"{n:,} {noun if n == 1 else plural or noun + 's'}"


def size(of: float) -> str:
    """Bytes of memory or of a file: 'under 1 MB', '80 MB', '1.2 GB'."""
    if of < 1e6:
        return "under 1 MB"
    return f"{of / 1e9:.1f} GB" if of >= 0.9995e9 else f"{of / 1e6:.0f} MB"


def updates(median: float) -> str:
    """A median of updates to target: '1 update', '112.5 updates'; 'not reached' where it is infinite."""
    if not math.isfinite(median):
        return "not reached"
    return f"{amount(median)} update{'' if median == 1 else 's'}"


def verb(n: int, singular: str, plural: str) -> str:
    """The form of a verb that goes with `n` things: verb(n, 'has', 'have')."""
    return singular if n == 1 else plural


def ordinal(n: int) -> str:
    """1st, 2nd, 3rd, 4th, 11th, 25th, 98th."""
    return f"{n}{'th' if n % 100 in (11, 12, 13) else _ORDINALS.get(n % 10, 'th')}"


def listed(parts: Sequence[str]) -> str:
    """'a', 'a and b', 'a, b and c'; '' of nothing."""
    return " and ".join(filter(None, [", ".join(parts[:-1]), *parts[-1:]]))


def few(parts: Sequence[str], most: int = 3) -> str:
    """The first of several in a sentence, and how many more there are: 'a, b, c and 37 more'."""
    return listed([*parts[:most], *[f"{len(parts) - most:,} more"] * (len(parts) > most)])


def first(parts: Sequence[str], total: int, noun: str) -> str:
    """The first few of `total` parts, and how many more there are: 'a; b; and 3 more groups'."""
    rest = total - len(parts)
    return "; ".join([*parts, f"and {count(rest, f'more {noun}')}"] if rest > 0 else parts)


def telling(verdicts: Sequence[str], most: int = 3) -> list[int]:
    """Which of several things to name where there is room for `most`, as places in their order.

    One of each verdict is named, so that what is named shows why the overall verdict is what it is; then others that
    decide something, and then those that do not.
    """
    firsts = [verdicts.index(verdict) for verdict in dict.fromkeys(verdicts) if verdict != UNDECIDED]
    deciding = [place for place, verdict in enumerate(verdicts) if verdict != UNDECIDED]
    return sorted(list(dict.fromkeys([*firsts, *deciding, *range(len(verdicts))]))[:most])


def words(name: str) -> str:
    """A registry name as it is said: centred_logistic is the centred logistic."""
    return name.replace("_", " ")


def short_group(label: str) -> str:
    """A group's label, or a sentence with some, as shown: of four and more layers of one width 24 × 64 for 64-64-..."""
    return re.sub(
        r"(?<![\d.:-])(\d+)(?:-\1){3,}(?![\d-]|\.\d)", lambda found: f"{found[0].count('-') + 1} × {found[1]}", label
    )


def sentence(text: str) -> str:
    """Text with a capital first letter and a full stop."""
    return f"{text[:1].upper()}{text[1:]}" + ("" if text.endswith((".", "?", "!")) else ".")


def sentences(parts: Sequence[str]) -> str:
    """Each part that is not empty as a sentence, one after the other."""
    return " ".join(sentence(part) for part in parts if part)


def interval(low: float, high: float, n: int) -> str:
    """A 95 % interval over `n` seeds: '95 % interval 1.8 to 2.2, 5 seeds'; the seeds alone where it is a point."""
    if low == high or math.isnan(low) or math.isnan(high):
        return count(n, "seed")
    ends = " to ".join("no limit" if math.isinf(end) else number(end) for end in (low, high))
    return f"95 % interval {ends}, {count(n, 'seed')}"


def verdict(holds: Sequence[bool]) -> str:
    """One verdict on several comparisons: all hold, some do, none does, or there is none."""
    if not holds:
        return UNDECIDED
    return SUPPORTED if all(holds) else MIXED if any(holds) else NOT_SUPPORTED


def overall(verdicts: Sequence[str]) -> str:
    """One verdict of several; undecided ones count only where there are no others."""
    decided = [verdict for verdict in verdicts if verdict != UNDECIDED]
    if not decided:
        return UNDECIDED
    return decided[0] if len(set(decided)) == 1 else MIXED
