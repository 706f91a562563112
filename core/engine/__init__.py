"""Training and measuring many networks at once; nothing here knows of tables, jobs or pages.

`network` has the passes, `symmetry` keeps equal units equal, `training` carries a `state` on, `recording` looks at it
with `measures`, `watching` frame by frame at one. A worker process loads this room and those below it alone.
"""
