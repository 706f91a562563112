"""What experiments are made of, by name: a new one is one entry in one of these files.

`activations`, `initialisers`, `losses`, `optimisers` and `datasets`; `synonyms` are the names from elsewhere, and
`gaussian` has what GELU is made of.
"""
