"""Lessons: what theory, timing and small worlds show, as tidy tables and as sentences that follow the numbers.

`gradient_paths` is about the drawn network and `zigzag` about descent over two weights (both of `core.neuron`),
`activation_functions` about curves, outputs and the cost of e^x, `batch_size` about gradient signs against batch size
and initial scale, `saturation` about layers that die, `signal_propagation` about mean field theory beside the runs.
"""
