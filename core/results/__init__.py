"""What an experiment gave: tidy tables, their files, and what follows from them.

`results` collects the tables and writes them, `placing` puts files in place whole or not at all; `loading` reads what
anyone may have made, `consistency` and `derived` check it; `merging` puts results together; `convergence` is about
speed, `report` sums it up, `maps` sets a measure out over two swept settings, `summary` has means and quartiles of many
groups at once; `replay` has what was trained, `evidence` holds the numbers that sentences state, from rows that are
`selected`; `carrying` gives rows all settings of their run, `spreadsheet` writes tables as .xlsx.
"""
