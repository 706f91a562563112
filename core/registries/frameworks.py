"""How PyTorch, Keras and JAX write a network and its start, in one registry.

A start comes here as `Draw`s, kinds with their numbers. A framework has an expression for each kind, by the name that
its own users know where it has one. What it lacks is done by hand: a function, or a comment, in `by_hand` stands in
the program where an expression calls for it. Biases are drawn as the weights of one more input would be, as the lab
draws them: a matrix is drawn, and what would belong to one of its inputs is taken.

In programs `$name` is a gap, and «mark text» is there where the mark holds: bias or nobias, zero or drawn (biases),
layer, residual, lsuv, math.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from core.registries.initialisers import TRUNCATED_STD, Value


@dataclass(frozen=True)
class Draw:
    """What is drawn for one layer, gain and factor included.

    Kinds and their numbers: constant (value); uniform (low, high); normal and cut_normal (mean, std; cut at 2 std);
    scaled (scale, mode, distribution); orthogonal and identity (scale); sparse (k, std); sparse_share (share, std);
    looks_linear (first, last, scale); absent (the scheme's text), where there are no words for it here.
    """

    kind: str
    numbers: tuple[Value, ...]


@dataclass(frozen=True)
class Framework:
    """A framework's words.

    Attributes:
        title: its name.
        functions, arrays: where its activation functions and its functions of arrays are.
        exact: what asks its GELU for the exact function.
        draws: by kind of Draw, its numbers -> the expression that draws.
        by_hand: what stands before the expressions that hold such a text.
        program: the whole.
    """

    title: str
    functions: str
    arrays: str
    exact: str
    draws: Mapping[str, Callable[..., str]]
    by_hand: Mapping[str, str]
    program: str


FUNCTIONS = {
    "logistic": "$functions.sigmoid(a)",
    "tanh": "$functions.tanh(a)",
    "centred_logistic": "$functions.sigmoid(a) - 0.5",
    "steep_logistic": "$functions.sigmoid(4 * a)",
    "steep_centred_logistic": "$functions.sigmoid(4 * a) - 0.5",
    "lecun_tanh": "1.7159 * $functions.tanh(2 / 3 * a)",
    "softsign": "a / (1 + abs(a))",
    "hard_tanh": "$arrays.clip(a, -1, 1)",
    "hard_logistic": "$arrays.clip(a / 4 + 0.5, 0, 1)",
    "relu": "$functions.relu(a)",
    "leaky_relu": "$functions.leaky_relu(a, 0.01)",
    "elu": "$functions.elu(a)",
    "selu": "$functions.selu(a)",
    "softplus": "$functions.softplus(a)",
    "swish": "$functions.silu(a)",
    "gelu": "$functions.gelu(a, approximate=$exact)",
    "identity": "a",
}
"""Activation functions of a."""
GLOROT, HE, LECUN = (1, "fan_avg"), (2, "fan_in"), (1, "fan_in")


def _number(value: Value) -> str:
    return json.dumps(value) if isinstance(value, str) else str(value) if isinstance(value, bool) else f"{value:.12g}"


def _named(other: str, names: Mapping[tuple[Value, ...], str] | None = None) -> Callable[..., str]:
    """The framework's own name for these numbers, where it has one, or `other` with gaps for them."""
    return lambda *numbers: (names or {}).get(numbers) or other.format(*map(_number, numbers))


def _about(at_0: str, elsewhere: str) -> Callable[..., str]:
    """Of a mean and a std: the text with a gap for the std where the mean is 0, or the one with gaps for both."""
    return lambda mean, std: elsewhere.format(_number(mean), _number(std)) if mean else at_0.format(_number(std))


TORCH = Framework(
    "PyTorch",
    "F",
    "torch",
    '"none"',
    {
        "constant": _named("lambda w: nn.init.constant_(w, {})", {(0,): "nn.init.zeros_", (1,): "nn.init.ones_"}),
        "uniform": _named("lambda w: nn.init.uniform_(w, {}, {})"),
        "normal": _named("lambda w: nn.init.normal_(w, {}, {})"),
        "cut_normal": _named("lambda w: cut_normal(w, {}, {})"),
        "scaled": _named(
            "lambda w: variance_scaling(w, {}, {}, {})",
            {
                (*GLOROT, "uniform"): "nn.init.xavier_uniform_",
                (*GLOROT, "normal"): "nn.init.xavier_normal_",
                (*HE, "uniform"): "nn.init.kaiming_uniform_",
                (*HE, "normal"): "nn.init.kaiming_normal_",
                (*LECUN, "uniform"): 'lambda w: nn.init.kaiming_uniform_(w, nonlinearity="linear")',
                (*LECUN, "normal"): 'lambda w: nn.init.kaiming_normal_(w, nonlinearity="linear")',
                (1 / 3, "fan_in", "uniform"): "lambda w: nn.init.kaiming_uniform_(w, a=math.sqrt(5))",
            },
        ),
        "orthogonal": _named("lambda w: nn.init.orthogonal_(w, gain={})", {(1,): "nn.init.orthogonal_"}),
        "identity": _named("lambda w: nn.init.eye_(w).mul_({})", {(1,): "nn.init.eye_"}),
        "sparse": _named("lambda w: sparse(w, {}, {})"),
        "sparse_share": _named("lambda w: nn.init.sparse_(w, {}, {})"),
        "looks_linear": _named("lambda w: looks_linear(w, {}, {}, {})"),
        "absent": _named("lambda w: absent({})"),
    },
    {
        "math.sqrt(5)": "\n\n# With a = sqrt(5) the bound is 1 / sqrt(fan_in): so nn.Linear itself starts.\n",
        " cut_normal(": '''

def cut_normal(w, mean, std):
    """A normal cut at 2 std, of which 0.8796 is left. trunc_normal_ alone cuts at -2 and 2, whatever the std."""
    return nn.init.trunc_normal_(w, mean, std, mean - 2 * std, mean + 2 * std)
''',
        " variance_scaling(": f'''

def variance_scaling(w, scale, mode, distribution):
    """Variance scale / fan, by hand: PyTorch's kaiming_normal_ and xavier_normal_ do not truncate."""
    fan_out, fan_in = w.shape
    fan = {{"fan_in": fan_in, "fan_out": fan_out, "fan_avg": (fan_in + fan_out) / 2}}[mode]
    std = math.sqrt(scale / fan)
    if distribution == "uniform":
        return nn.init.uniform_(w, -math.sqrt(3) * std, math.sqrt(3) * std)
    if distribution == "normal":
        return nn.init.normal_(w, 0, std)
    std /= {TRUNCATED_STD!r}  # what is left of a normal's std that is cut at 2 std
    return nn.init.trunc_normal_(w, 0, std, -2 * std, 2 * std)
''',
        " sparse(": '''

def sparse(w, k, std):
    """k weights into each unit, at random places, are normal, the others 0: sparse_ of PyTorch goes by inputs."""
    rank = torch.rand(w.shape).argsort(dim=1).argsort(dim=1)
    return nn.init.normal_(w, 0, std).mul_(rank < k)
''',
        " looks_linear(": '''

def looks_linear(w, first, last, scale):
    """Orthogonal blocks, mirrored as [W -W; -W W] (Balduzzi et al. 2017), by hand: PyTorch has none of it."""
    fan_out, fan_in = w.shape
    block = torch.empty(fan_out if last else (fan_out + 1) // 2, fan_in if first else (fan_in + 1) // 2)
    nn.init.orthogonal_(block, gain=scale)
    block = block if last else torch.cat([block, -block])
    block = block if first else torch.cat([block, -block], dim=1)
    return w.copy_(block[:fan_out, :fan_in])
''',
    },
    '''«math import math
»from itertools import pairwise

import torch
from torch import nn
from torch.nn import functional as F

torch.manual_seed($seed)
sizes = $sizes


def f(a):
    return $function
$by_hand

# Layer by layer, the output layer last: what fills a matrix of shape (fan_out, fan_in).
weights = $weights
«drawn biases = $biases
»
layers = nn.ModuleList(nn.Linear(fan_in, fan_out«nobias , bias=False») for fan_in, fan_out in pairwise(sizes))
with torch.no_grad():
    for layer, draw in zip(layers, weights):
        draw(layer.weight)
«zero         nn.init.zeros_(layer.bias)
»«drawn     for layer, draw in zip(layers, biases):
        layer.bias.copy_(draw(torch.empty_like(layer.weight))[:, 0])  # as the weights of one more input
»

def hidden(number, h):
    """The output of a hidden layer, numbered from 0, for the output of the layer below."""
    a = layers[number](h)
«layer     a = F.layer_norm(a, a.shape[-1:])
»    return f(a)«residual  + h if number > 0 and a.shape == h.shape else f(a)»


def network(h):
    """The weighted sums of the output layer."""
    for number in range(len(layers) - 1):
        h = hidden(number, h)
    return layers[-1](h)
«lsuv

@torch.no_grad()
def scale_on_data(h):
    """LSUV's other half, which PyTorch lacks: call it once with the training inputs, before training."""
    for number, std in enumerate($stds):
        w = layers[number].weight
        if std is not None and (spread := (h @ w.T).std(correction=0)) > 0:
            w *= std / spread
        if number < len(layers) - 1:
            h = hidden(number, h)
»''',
)

KERAS = Framework(
    "Keras",
    "ops",
    "ops",
    "False",
    {
        "constant": _named(
            "lambda: initializers.Constant({})", {(0,): "initializers.Zeros", (1,): "initializers.Ones"}
        ),
        "uniform": _named("lambda: initializers.RandomUniform({}, {})"),
        "normal": _named("lambda: initializers.RandomNormal({}, {})"),
        "cut_normal": _named("lambda: initializers.TruncatedNormal({}, {})"),
        "scaled": lambda scale, mode, distribution: _named(
            "lambda: initializers.VarianceScaling({}, {}, {})",
            {
                (*GLOROT, "uniform"): "initializers.GlorotUniform",
                (*GLOROT, "truncated_normal"): "initializers.GlorotNormal",
                (*HE, "uniform"): "initializers.HeUniform",
                (*HE, "truncated_normal"): "initializers.HeNormal",
                (*LECUN, "uniform"): "initializers.LecunUniform",
                (*LECUN, "truncated_normal"): "initializers.LecunNormal",
            },
        )(scale, mode, {"normal": "untruncated_normal"}.get(distribution, distribution)),
        "orthogonal": _named("lambda: initializers.Orthogonal({})", {(1,): "initializers.Orthogonal"}),
        "identity": _named("lambda: initializers.Identity({})", {(1,): "initializers.Identity"}),
        "sparse": _named("lambda: sparse({}, {})"),
        "sparse_share": _named("lambda: sparse_share({}, {})"),
        "looks_linear": _named("lambda: looks_linear({}, {}, {})"),
        "absent": _named("lambda: absent({})"),
    },
    {
        " sparse(": '''

def sparse(k, std):
    """k weights into each unit, at random places, are normal, the others 0, by hand: Keras has none of it."""

    def draw(shape, dtype=None):
        rank = ops.argsort(ops.argsort(keras.random.uniform(shape), axis=0), axis=0)
        return ops.where(rank < k, keras.random.normal(shape, stddev=std), 0.0)

    return draw
''',
        " sparse_share(": '''

def sparse_share(share, std):
    """That share of each input's weights is 0, the others normal, by hand: Keras has none of it."""

    def draw(shape, dtype=None):
        rank = ops.argsort(ops.argsort(keras.random.uniform(shape), axis=1), axis=1)
        return ops.where(rank < math.ceil(share * shape[1]), 0.0, keras.random.normal(shape, stddev=std))

    return draw
''',
        " looks_linear(": '''

def looks_linear(first, last, scale):
    """Orthogonal blocks, mirrored as [W -W; -W W] (Balduzzi et al. 2017), by hand: Keras has none of it."""

    def draw(shape, dtype=None):
        fan_in, fan_out = shape
        rows, columns = fan_in if first else (fan_in + 1) // 2, fan_out if last else (fan_out + 1) // 2
        block = initializers.Orthogonal(scale)((rows, columns))
        block = block if last else ops.concatenate([block, -block], axis=1)
        block = block if first else ops.concatenate([block, -block])
        return block[:fan_in, :fan_out]

    return draw
''',
    },
    '''«math import math
»from itertools import pairwise

import keras
from keras import initializers, layers, ops

keras.utils.set_random_seed($seed)
sizes = $sizes


def f(a):
    return $function
$by_hand

# Layer by layer, the output layer last: what makes an initializer. Layers that share one start from equal weights.
weights = $weights
«drawn biases = $biases


def as_one_more_input(draw, fan_in):
    """Biases drawn as the weights of one more input: Keras would take the number of units for both fans."""
    return lambda shape, dtype=None: draw((fan_in, *shape), dtype=dtype)[0]

»
dense = [
    layers.Dense(
        fan_out,
        kernel_initializer=make_weights(),
«drawn         bias_initializer=as_one_more_input(make_biases(), fan_in),
»«nobias         use_bias=False,
»    )
    for (fan_in, fan_out), make_weights«drawn , make_biases» in zip(pairwise(sizes), weights«drawn , biases»)
]


def hidden(number, h):
    """The output of a hidden layer, numbered from 0, for the output of the layer below."""
    a = dense[number](h)
«layer     a = layers.LayerNormalization(center=False, scale=False, epsilon=1e-5)(a)
»    return f(a)«residual  + h if number > 0 and a.shape == h.shape else f(a)»


def network(h):
    """The weighted sums of the output layer."""
    for number in range(len(dense) - 1):
        h = hidden(number, h)
    return dense[-1](h)


inputs = keras.Input((sizes[0],))
model = keras.Model(inputs, network(inputs))
«lsuv

def scale_on_data(h):
    """LSUV's other half, which Keras lacks: call it once with the training inputs, before training."""
    for number, std in enumerate($stds):
        w = dense[number].kernel
        if std is not None and (spread := ops.std(h @ w)) > 0:
            w.assign(w * (std / spread))
        if number < len(dense) - 1:
            h = hidden(number, h)
»''',
)

JAX = Framework(
    "JAX",
    "jax.nn",
    "jnp",
    "False",
    {
        "constant": _named("initializers.constant({})", {(0,): "initializers.zeros", (1,): "initializers.ones"}),
        "uniform": _named("lambda key, shape: jax.random.uniform(key, shape, minval={}, maxval={})"),
        "normal": _about("initializers.normal({})", "lambda key, shape: {} + {} * jax.random.normal(key, shape)"),
        "cut_normal": _about(
            "initializers.truncated_normal({})",
            "lambda key, shape: {} + {} * jax.random.truncated_normal(key, -2, 2, shape)",
        ),
        "scaled": _named(
            "initializers.variance_scaling({}, {}, {})",
            {
                (*GLOROT, "uniform"): "initializers.glorot_uniform()",
                (*GLOROT, "truncated_normal"): "initializers.glorot_normal()",
                (*HE, "uniform"): "initializers.he_uniform()",
                (*HE, "truncated_normal"): "initializers.he_normal()",
                (*LECUN, "uniform"): "initializers.lecun_uniform()",
                (*LECUN, "truncated_normal"): "initializers.lecun_normal()",
            },
        ),
        "orthogonal": _named("initializers.orthogonal({})"),
        "identity": _named("lambda key, shape: {} * jnp.eye(*shape)"),
        "sparse": _named("lambda key, shape: sparse(key, shape, {}, {})"),
        "sparse_share": _named("lambda key, shape: sparse_share(key, shape, {}, {})"),
        "looks_linear": _named("lambda key, shape: looks_linear(key, shape, {}, {}, {})"),
        "absent": _named("lambda key, shape: absent({})"),
    },
    {
        "jax.random.uniform(": "\n\n# By hand between two ends: initializers.uniform begins at 0.\n",
        "normal(key, ": "\n\n# By hand about a mean: the initializers of JAX are about 0.\n",
        "jnp.eye": "\n\n# By hand: JAX has no initializer for the identity.\n",
        " sparse(": '''

def sparse(key, shape, k, std):
    """k weights into each unit, at random places, are normal, the others 0, by hand: JAX has none of it."""
    places, values = jax.random.split(key)
    rank = jax.random.uniform(places, shape).argsort(axis=0).argsort(axis=0)
    return jnp.where(rank < k, std * jax.random.normal(values, shape), 0)
''',
        " sparse_share(": '''

def sparse_share(key, shape, share, std):
    """That share of each input's weights is 0, the others normal, by hand: JAX has none of it."""
    places, values = jax.random.split(key)
    rank = jax.random.uniform(places, shape).argsort(axis=1).argsort(axis=1)
    return jnp.where(rank < math.ceil(share * shape[1]), 0, std * jax.random.normal(values, shape))
''',
        " looks_linear(": '''

def looks_linear(key, shape, first, last, scale):
    """Orthogonal blocks, mirrored as [W -W; -W W] (Balduzzi et al. 2017), by hand: JAX has none of it."""
    fan_in, fan_out = shape
    rows, columns = fan_in if first else (fan_in + 1) // 2, fan_out if last else (fan_out + 1) // 2
    block = initializers.orthogonal(scale)(key, (rows, columns))
    block = block if last else jnp.concatenate([block, -block], axis=1)
    block = block if first else jnp.concatenate([block, -block])
    return block[:fan_in, :fan_out]
''',
    },
    '''«math import math
»from itertools import pairwise

import jax
from jax import numpy as jnp
from jax.nn import initializers

sizes = $sizes


def f(a):
    return $function
$by_hand

# Layer by layer, the output layer last: what draws a matrix of a shape (fan_in, fan_out) from a key.
weights = $weights
«drawn biases = $biases
»

def start(key):
    """The parameters before training, layer by layer."""
    keys = jax.random.split(key, (len(weights), 2))
    w = [draw(key, shape) for draw, key, shape in zip(weights, keys[:, 0], pairwise(sizes))]
«zero     b = [jnp.zeros(fan_out) for fan_out in sizes[1:]]
»«drawn     # Biases are drawn as the weights of one more input.
    b = [draw(key, shape)[0] for draw, key, shape in zip(biases, keys[:, 1], pairwise(sizes))]
»«bias     return list(zip(w, b))
»«nobias     return [(matrix,) for matrix in w]
»

def sums(parameters, h):
    """The weighted sums of a layer for the output of the layer below."""
    w«bias , b»«nobias ,» = parameters
    return h @ w«bias  + b»


def hidden(parameters, number, h):
    """The output of a hidden layer, numbered from 0, for the output of the layer below."""
    a = sums(parameters[number], h)
«layer     a = jax.nn.standardize(a, epsilon=1e-5)
»    return f(a)«residual  + h if number > 0 and a.shape == h.shape else f(a)»


def network(parameters, h):
    """The weighted sums of the output layer."""
    for number in range(len(parameters) - 1):
        h = hidden(parameters, number, h)
    return sums(parameters[-1], h)


parameters = start(jax.random.key($seed))
«lsuv

def scale_on_data(parameters, h):
    """LSUV's other half, which JAX lacks: the parameters to train from, given the training inputs."""
    parameters = list(parameters)
    for number, std in enumerate($stds):
        w, *b = parameters[number]
        if std is not None and (spread := (h @ w).std()) > 0:
            parameters[number] = (w * (std / spread), *b)
        if number < len(parameters) - 1:
            h = hidden(parameters, number, h)
    return parameters
»''',
)

FRAMEWORKS: dict[str, Framework] = {"pytorch": TORCH, "keras": KERAS, "jax": JAX}
