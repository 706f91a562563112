"""How many sweeps a server trains at a time: of one visitor, from one address, and in all."""

from collections.abc import Sequence

from core.jobs.pool import JobError
from core.jobs.sweep import Sweep, Visitor
from core.settings import Settings
from core.text import count

SHORT_PLACES = 5
"""One place for short sweeps beside this many others, and one at least."""


def check(sweep: Sweep, visitor: Visitor, others: Sequence[Sweep], settings: Settings) -> None:
    """Raises JobError where there is no place for `sweep`, for which `visitor` asks, beside the `others`."""
    of_account = [other for other in others if visitor.account in other.accounts]
    of_address = [other for other in others if visitor.address and visitor.address in other.addresses]
    wait = "wait until one is done, or cancel one."
    if _full(of_account, settings.jobs_per_visitor, sweep):
        limit = f"{count(len(of_account), 'sweep')} in training, and the limit is {settings.jobs_per_visitor}"
        if visitor.account == visitor.address:
            raise JobError(
                "Your browser keeps no cookie of this site, so all visitors from your address who keep none count "
                f"as one. They have {limit}: {wait}"
            )
        raise JobError(f"You have {limit}: {wait}")
    if _full(of_address, settings.jobs_per_address, sweep):
        raise JobError(
            f"Visitors from your address have {count(len(of_address), 'sweep')} in training, and "
            f"the limit is {settings.jobs_per_address}: {wait}"
        )
    if _full(others, settings.jobs, sweep):
        busy = count(len(others), "sweep")
        raise JobError(f"The server is busy with {busy}, its limit: try again in a minute.")


def _full(others: Sequence[Sweep], limit: int, sweep: Sweep) -> bool:
    """Whether `others`, of which there may be `limit` and a few short ones more, leave no place for `sweep`."""
    short = sum(other.short for other in others)
    return len(others) >= limit and not (sweep.short and short < max(1, limit // SHORT_PLACES))
