"""Somebody's own table: from the bytes of a text file to examples that networks can learn.

`sniffing` finds out how the file is written, `columns` what its columns hold, `choices` what is made of them.
`options` are the same choices on the command line.
"""
