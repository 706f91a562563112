"""The terms of art that the pages use, each in a sentence or two."""

GLOSSARY = {
    "activation function": "what a unit makes of its weighted sum. The sum is its *pre-activation* a, the outcome its "
    "*activation* h.",
    "saturated": "a unit is saturated on an example where its activation function is nearly flat: little gradient "
    "passes there. A layer is *dead-flat* where nearly all of it is.",
    "group": "runs that have all settings in common and differ in nothing but their seed.",
    "seed": "the number that chance is drawn from: the same seed gives the same weights again, another one others. "
    "Several seeds show how much of a difference is chance.",
    "median and 25-75 %": "half of the runs lie above the median and half below; the middle half of them lies in the "
    "25-75 % band.",
    "95 % interval": "where a ratio or a difference would lie in 95 of 100 repetitions with other seeds, as far as "
    "these seeds can tell.",
    "stopped before reaching the target": "a run that ended, or is in training, without having reached the target. "
    "Statistics calls it *censored*: it still counts, as slower than every run that reached it.",
    "gain": "a factor on all initial weights.",
    "orthant": "one of the 2ⁿ regions that the signs of n numbers divide space into; in the plane, a *quadrant*.",
    "agreement": "how far the gradients of the weights into one neuron share a sign: 100 % where all do.",
    "probe": "the training examples that are looked at when saturation and signs are measured.",
    "record point": "an epoch after which the networks are looked at.",
    "σw, σb": "how widely the weights and the biases are spread. Of the weights it is counted per input: "
    "σw² = fan-in × mean square of the weights.",
    "fan-in": "how many inputs a neuron has.",
    "q": "the mean square of a layer's pre-activations: how large a signal is there. In a deep network it settles at "
    "q*.",
    "χ (chi)": "the factor on a gradient's mean square from one layer to the next: below 1 gradients vanish, above 1 "
    "they explode.",
    "κ (kappa)": "the condition number: how much steeper the steepest direction of a valley is than its flattest.",
    "tortuosity": "the length of a path over the straight line between its ends.",
    "zero-centred": "giving out negative values as well as positive ones, with a mean near 0.",
    "symmetry": "units that start equal and get equal gradients stay equal: they are as good as one.",
}
"""By the term, in the order of a first reading."""
