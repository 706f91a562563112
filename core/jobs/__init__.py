"""Training as work: on one process, a pool or a cluster, for one person or a class.

`plan` cuts an experiment into chunks and segments, `pool` has the processes, `running` trains one sweep and returns,
`jobs` trains those of all visitors in fair turns and within `limits`: a `job` is what pages see, a `sweep` what is kept
of it; `store` keeps results and `checkpoint`s, `reuse` finds in them what need not be trained again, `saving` lets a
sweep go on where it was stopped, `health` tries whether training works.
"""
