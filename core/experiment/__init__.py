"""What to run: plain values, checked and written as a link.

`fields` are the kinds of settings, `experiment` has them all, `presets` are experiments to start from, `cost`
estimates time and memory, `data` loads what an experiment is about, `translation` writes its start in other libraries,
`handing_on` names its files and makes a notebook of it.
"""
