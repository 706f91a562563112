"""Training and measuring many networks at once; nothing here knows of tables, jobs or pages.

`network` has the passes, `symmetry` keeps equal units equal, `training` carries a `state` on, `recording` looks at it
with `measures`. A worker process loads this room and those below it alone.
"""
