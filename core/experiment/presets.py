"""Experiments to start from, each with the question that it answers."""

import dataclasses
from dataclasses import dataclass

from core.experiment.experiment import Experiment


@dataclass(frozen=True)
class Preset:
    """An experiment to start from, with the question that it answers."""

    name: str
    title: str
    question: str
    experiment: Experiment
    short: str = ""
    """What a form calls it, where that is not its name in words."""


def _framework(weights: str, biases: str) -> Experiment:
    """Six hidden layers that start as a framework starts them."""
    return Experiment(
        activation=("logistic", "tanh", "relu"),
        initialiser=(weights,),
        bias_initialiser=(biases,),
        hidden=((64,) * 6,),
        seeds=3,
    )


PRESETS: dict[str, Preset] = {
    preset.name: preset
    for preset in (
        Preset(
            "lecture",
            "Logistic or tanh, small or large?",
            "Why do logistic networks learn slowly, and how much of it is due to their initial weights?",
            Experiment(),
        ),
        Preset(
            "initial_scale",
            "How large may the initial weights be?",
            "At what scale do neurons begin to saturate, and below which one does training stall?",
            Experiment(
                initialiser=tuple(f"normal:{scale}" for scale in (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3)),
                seeds=3,
            ),
        ),
        Preset(
            "depth",
            "How deep can it get?",
            "How do saturation and gradients change from layer to layer as networks get deeper?",
            Experiment(initialiser=("glorot_uniform",), hidden=tuple((64,) * depth for depth in range(1, 7)), seeds=3),
        ),
        Preset(
            "scale_by_depth",
            "Which scale trains how deep?",
            "Theory has a critical scale at which gradients keep their size in depth: do the deepest networks train "
            "there, and only there?",
            Experiment(
                activation=("tanh",),
                initialiser=tuple(f"normal:{scale}" for scale in (0.01, 0.03, 0.1, 0.2, 0.3, 0.5, 1, 3)),
                hidden=tuple((32,) * depth for depth in (1, 2, 4, 8, 16)),
                epochs=20,
                seeds=3,
                statistics="standard",
            ),
        ),
        Preset(
            "scale_by_rate",
            "A bad start, or a bad learning rate?",
            "Each initial scale has a learning rate that suits it: how much of a bad start does it make good?",
            Experiment(
                activation=("tanh",),
                initialiser=tuple(f"normal:{scale}" for scale in (0.01, 0.03, 0.1, 0.3, 1, 3)),
                hidden=((32, 32, 32),),
                learning_rate=(0.003, 0.01, 0.03, 0.1, 0.3, 1, 3),
                epochs=20,
                seeds=3,
                statistics="standard",
            ),
        ),
        Preset(
            "batch_size",
            "Do gradient signs still agree in a batch?",
            "One example ties the signs of a neuron's gradients: how large a batch lets them differ?",
            Experiment(
                initialiser=("glorot_uniform",), batch_size=(1, 4, 16, 64, 256, 0), epochs=5, record="every", seeds=3
            ),
        ),
        Preset(
            "two_by_two",
            "Is it the centring or the slope?",
            "Tanh differs from the logistic in centring, in slope and in width: how much does each of them bring, when "
            "every function has its own best learning rate?",
            Experiment(
                activation=("logistic", "centred_logistic", "steep_logistic", "steep_centred_logistic", "tanh"),
                initialiser=("glorot_uniform",),
                hidden=((32, 32),),
                learning_rate=(1, 2, 4, 8, 16, 32),
                batch_size=(256,),
                epochs=30,
                seeds=8,
                record="every",
                target="train_loss:0.03",
                statistics="standard",
                probe=64,
            ),
            "Centring or slope",  # as its page is called
        ),
        Preset(
            "residual",
            "Does the scheme still matter with residual connections or layer normalisation?",
            "Eight tanh layers from small, from middling and from large weights: which of them still fail, or take "
            "longer, once layers add to what they are given, or bring it to one scale?",
            Experiment(
                activation=("tanh",),
                initialiser=("normal:0.01", "glorot_uniform", "normal:0.5"),
                hidden=((32,) * 8,),
                residual=(False, True),
                normalisation=("none", "layer"),
                epochs=20,
                seeds=3,
                record="every",
            ),
        ),
        Preset(
            "ten_layers",
            "Does a signal get through ten layers?",
            "Ten tanh layers of 500 units are given standard normal inputs, as in a well-known set of statistics: from "
            "which scale of the weights do the activations shrink, from which do they saturate, and which keeps them?",
            Experiment(
                dataset=("gaussian:500",),
                samples=250,
                scaling="raw",
                activation=("tanh",),
                initialiser=("normal:0.01", "lecun_normal", "normal:1"),
                hidden=((500,) * 10,),
                learning_rate=(0.01,),
                epochs=2,
                seeds=1,
                record="every",
            ),
        ),
        Preset(
            "frameworks",
            "Does the framework decide?",
            "PyTorch draws fan_in_uniform and scikit-learn glorot_uniform, with biases like the weights; Keras draws "
            "glorot_uniform and Flax lecun_normal, with biases 0: does it matter which?",
            Experiment(
                activation=("tanh", "relu"),
                initialiser=("fan_in_uniform", "glorot_uniform", "lecun_normal"),
                bias_initialiser=("weights", "zeros"),
                seeds=3,
            ),
        ),
        Preset(
            "pytorch",
            "PyTorch's Linear",
            "Weights and biases start from U(±1/sqrt(fan_in)), a third of LeCun's variance: how much of the signal is "
            "left after six layers?",
            _framework("fan_in_uniform", "fan_in_uniform"),
            "PyTorch",
        ),
        Preset(
            "keras",
            "Keras's Dense",
            "Weights start from U(±sqrt(6/(fan_in + fan_out))), three times PyTorch's variance in layers of one width, "
            "and biases from 0: does the signal last longer?",
            _framework("glorot_uniform", "zeros"),
        ),
        Preset(
            "flax",
            "Flax's Dense, in JAX",
            "Weights start from a truncated normal of variance 1/fan_in, as wide as Keras's in layers of one width but "
            "with another shape: does the shape matter?",
            _framework("lecun_normal", "zeros"),
        ),
        Preset(
            "scikit_learn",
            "scikit-learn's MLP",
            "Weights have Keras's bound, or for the logistic one that is sqrt(3) times smaller, and biases have that "
            "of their layer's weights: does the smaller one suit the logistic?",
            dataclasses.replace(
                _framework("glorot_uniform", "weights"),
                activation=("logistic",),
                initialiser=("glorot_uniform*0.5773502691896258", "glorot_uniform"),
            ),
            "scikit-learn",
        ),
        Preset(
            "positive_weights",
            "Weights from 0 to 1",
            "U(0, 1) has the spread of U(-0.5, 0.5), but mean 1/2, so that inputs from 0 to 1 all push one way: how "
            "many logistic units are saturated before training?",
            Experiment(
                scaling="unit_interval",
                activation=("logistic",),
                initialiser=("uniform:0:1", "uniform:-0.5:0.5"),
            ),
        ),
    )
}
"""In the order a form offers them."""
