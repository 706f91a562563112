"""Tidy table in, Altair chart out: one function a chart, no state, no display.

`convergence`, `saturation`, `signs`, `effects`, `batches`, `propagation` and `maps` hold the charts of results,
`pairing` that of two results over each other; `functions` those of activation functions and their cost, `neuron` those
of the two small worlds, `watching` those of a network as it learns, which are played. `curves` and `rows` hold the
forms that several share, `style` colours, scales and titles, `long_names` what is shown of a name for which there is
little room, `tables` masking and aggregation, `on_screen` what a chart can do on a screen alone. `picture` makes files
of a chart, `report` one page of a result.

Every chart takes its table first and all else by keyword. A table called runs, epochs, layers or histograms is that of
a result (`core.schema`), `epoch` a recorded epoch, `level` one of LEVELS, `names` are activation functions, in order.
`groups` is the experiment's list of groups, in its order: a group's colour depends on nothing else, so it is the same
on every page. Charts of equal input are equal, so their specifications can be cached and compared. Legends select by
name: "pick_group", "pick_layer".
"""
