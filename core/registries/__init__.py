"""What experiments are made of, by name: a new one is one entry in one of these files.

`activations`, `initialisers`, `losses`, `optimisers` and `datasets`; `synonyms` are the names from elsewhere,
`own_data` makes a data set of somebody's own table, `added` looks at entries that are not the lab's, `starts` has
initialisers by layer and for biases, `gains` has gains by name, from the `expectations` of functions, `gaussian` what
GELU is made of, `frameworks` the words of other libraries.
"""
