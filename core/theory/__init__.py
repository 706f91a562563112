"""What to expect before anything is trained.

`theory` is mean-field theory of wide layers, `neuron` the lecture's small cases, `timing` what functions cost here.
"""
