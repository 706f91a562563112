"""Lessons: what theory, timing and small worlds show, as tidy tables and as sentences that follow the numbers.

`gradient_paths` is about the drawn network and `zigzag` about descent over two weights (both of
`core.theory.neuron`), `activation_functions` about curves, outputs and the cost of e^x, `batch_size` about gradient
signs against batch size and initial scale, `saturation` about layers that die, `signal_propagation` about mean field
theory beside the runs, `outlook` about what a start means before training, `watching` about one network frame by frame,
`maps` about sweeps over two settings.

`findings` are what the pages say of a result, `claims` the lecture's, `effects` the 2 x 2 of centring and slope; they
set groups side by side by `comparisons`. `difference` tells what differs between two results, `pairing` how far apart
their groups are. `glossary` has the terms.
"""
