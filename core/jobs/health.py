"""Whether training works, not just whether a port answers: a tiny experiment by the way that every other one takes."""

from dataclasses import replace

from core.experiment.experiment import Experiment
from core.jobs.jobs import Jobs
from core.jobs.pool import JobError
from core.jobs.store import Store
from core.settings import Settings

TINY = Experiment(
    dataset=("xor",),
    samples=60,
    activation=("tanh",),
    initialiser=("glorot_uniform",),
    hidden=((8,),),
    learning_rate=(0.5,),
    batch_size=(6,),
    epochs=20,
    seeds=2,
    record="0,20",
)
SECONDS = 60.0
"""How long it may take."""


def check(settings: Settings, seconds: float = SECONDS) -> str:
    """Train on the executor of the settings, store the result and read it back; returns what works, in one line.

    Raises JobError, in one line, for what does not.
    """
    jobs = Jobs(replace(settings, workers=1))
    job = jobs.submit(TINY, "health")
    if not job.wait(seconds):
        # Not closed: that would wait for what hangs.
        raise JobError(f"training did not end within {seconds:g} s")
    jobs.close()
    result = job.result()
    if job.status != "done" or result is None:
        raise JobError(job.error or f"training was {job.status}")
    loss = result.epochs.groupby("epoch")["train_loss"].mean()
    if not loss.iloc[-1] < 0.9 * loss.iloc[0]:
        raise JobError(f"training does not learn: its loss went from {loss.iloc[0]:g} to {loss.iloc[-1]:g}")
    where = "in a process" if settings.dask is None else "on the Dask cluster"
    if not settings.store_bytes:
        return f"healthy: trained {where}; nothing is stored"
    store = Store(settings.store, settings.store_bytes)
    if not store.save(TINY.key, result):
        raise JobError(store.warning)
    stored = store.load(TINY.key)
    if stored is None or not stored.epochs.equals(result.epochs):
        raise JobError(store.warning or "what is read from the store is not what was written")
    return f"healthy: trained {where}, stored and read back"
