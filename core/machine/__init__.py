"""What the machine does, whatever is trained on it.

`blas` holds BLAS to one thread and names its kernel, `clock` takes the time of a call, `sorting` has the quickest
ways to order statistics and histograms of many rows.
"""
