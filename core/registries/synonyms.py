"""Names that people bring from papers and other libraries, and the lab's own names for them.

A synonym that means exactly the same is accepted: experiments, links and tables carry the lab's name. One that means
something near it is only suggested, with the difference: to take it would silently train something else.
"""

import difflib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Synonym:
    """What the lab calls it, and how that differs from what the name means elsewhere: "" where it does not."""

    ours: str
    difference: str = ""

    @property
    def remark(self) -> str:
        """The difference, to stand behind a problem."""
        return f" ({self.difference})" if self.difference else ""


Synonyms = Mapping[str, Synonym]


def _same(ours: str, names: str) -> dict[str, Synonym]:
    """The `names`, with blanks between them, that mean exactly what the lab calls `ours`."""
    return dict.fromkeys(names.split(), Synonym(ours))


def _near(ours: str, names: str, difference: str) -> dict[str, Synonym]:
    """The `names`, with blanks between them, of something that differs from `ours`."""
    return dict.fromkeys(names.split(), Synonym(ours, difference))


WHICH_KIND = "there is a uniform and a normal one"
SEED = "runs take the seeds from first_seed on, as many as seeds says"
WIDTHS = "hidden takes the widths of the hidden layers, such as 64-64-64"

SETTINGS: Synonyms = {
    **_same("dataset", "data datasets"),
    **_same("samples", "n_samples num_samples examples n_examples"),
    **_same("noise", "noise_std"),
    **_same("scaling", "input_scaling scaler"),
    **_near("scaling", "preprocessing", "scaling names how the inputs are scaled"),
    **_same("test_share", "test_fraction test_split"),
    **_near("test_share", "test_size validation_split", "test_share is a share of each class, 0 or from 0.05 to 0.9"),
    **_same("data_seed", "split_seed"),
    **_same("activation", "activations act activation_function activation_functions activation_fn nonlinearity"),
    **_same("initialiser", "initialisers initializer initializers init inits initialisation initialization"),
    **_same("initialiser", "weight_init weights_init weight_initialiser weight_initializer weight_initialisation"),
    **_same("initialiser", "weight_initialization kernel_initializer kernel_init"),
    **_near("initialiser", "weights", "initialiser names the scheme that draws them"),
    **_same("bias_initialiser", "bias_initialisers bias_initializer bias_initializers bias_init biases_init"),
    **_same("bias_initialiser", "bias_initialisation bias_initialization"),
    **_same("gain", "gains"),
    **_near("gain", "scale init_scale", "gain is a factor on what the initialiser draws"),
    **_same("hidden", "hidden_layer_sizes hidden_widths hidden_sizes"),
    **_near("hidden", "layers hidden_layers hidden_units n_layers num_layers n_hidden depth units neurons", WIDTHS),
    **_near("hidden", "width widths layer_sizes architecture", WIDTHS),
    **_same("bias", "biases use_bias"),
    **_same("residual", "residuals residual_connections skip_connections resnet"),
    **_same("normalisation", "normalization layer_normalisation layer_normalization"),
    **_near("normalisation", "norm batch_norm layer_norm", "normalisation is none or layer"),
    **_same("loss", "losses loss_function loss_fn criterion objective"),
    **_same("optimiser", "optimisers optimizer optimizers optim opt solver update_rule"),
    **_near("optimiser", "momentum beta", "it is the optimiser's argument, as in momentum:0.9"),
    **_same("learning_rate", "learning_rates lr lrs eta step_size learning_rate_init"),
    **_near("learning_rate", "alpha", "in some libraries alpha is a penalty on the weights"),
    **_same("batch_size", "batch batches batch_sizes minibatch minibatch_size bs"),
    **_same("epochs", "n_epochs num_epochs nb_epoch max_epochs"),
    **_near("epochs", "epoch", "epochs says how many are trained"),
    **_near("epochs", "iterations max_iter n_iter updates max_steps", "epochs counts passes over the training set"),
    **_same("seeds", "n_seeds num_seeds repeats repetitions n_repeats"),
    **_near("first_seed", "seed random_state random_seed rng", SEED),
    **_same("record", "record_epochs recorded recording"),
    **_same("target", "goal"),
    **_same("saturation_threshold", "threshold"),
    **_same("statistics", "stats"),
    **_same("probe", "probe_size"),
    **_same("dtype", "precision float_type"),
}
"""Names of settings. No name of a page's own control may be accepted here: a link holds both."""

APPROXIMATE = "it is the approximation by tanh, up to 0.0005 off, here gelu is exact, by the error function"
ABSENT_SMOOTH = "it is a smooth relative, which the lab does not have"

VALUES: Mapping[str, Synonyms] = {
    "dataset": {
        **_same("digits", "load_digits"),
        **_near("digits", "mnist fashion_mnist", "digits are 1,797 images of 8 x 8 pixels"),
        **_same("iris", "load_iris"),
        **_same("wine", "load_wine"),
        **_same("breast_cancer", "load_breast_cancer cancer wdbc"),
        **_same("two_moons", "moons make_moons"),
        **_same("circles:0.8", "make_circles"),
        **_same("spirals", "spiral two_spirals"),
        **_near("gaussian_blobs", "blobs make_blobs", "the lab's centres lie evenly on a circle"),
        **_same("gaussian", "gaussian_noise white_noise random_labels"),
        **_near("gaussian", "normal randn random", "its inputs are standard normal, its labels random"),
        **_same("gaussian_teacher", "teacher hyperplane teacher_perceptron"),
        **_near("gaussian_teacher", "make_classification", "the lab's classes lie on the sides of one hyperplane"),
        **_same("parity", "n_bit_parity xor_points four_points"),
        **_near("parity", "exclusive_or", "parity:2 has its four points, xor has four quadrants of the plane"),
    },
    "scaling": {
        **_same("standardised", "standardized standard standard_scaler z_score"),
        **_near("standardised", "normalised normalized", "the word has several meanings"),
        **_near("unit_interval", "min_max min_max_scaler", "unit_interval also clips test values to 0 and 1"),
        **_same("symmetric_interval", "symmetric signed_interval"),
        **_near("symmetric_interval", "min_max_11 min_max_symmetric", "it also clips test values to -1 and 1"),
        **_same("raw", "none unscaled"),
    },
    "activation": {
        **_same("logistic", "sigmoid sigm expit logsig logistic_sigmoid"),
        **_same("tanh", "tansig hyperbolic_tangent"),
        **_same("centred_logistic", "centered_logistic centred_sigmoid centered_sigmoid"),
        **_same("steep_logistic", "steep_sigmoid"),
        **_same("steep_centred_logistic", "steep_centered_logistic steep_centred_sigmoid steep_centered_sigmoid"),
        **_near("lecun_tanh", "scaled_tanh stanh", "lecun_tanh is 1.7159 tanh(2x/3)"),
        **_near("hard_logistic", "hard_sigmoid", "elsewhere its slope is 1/5 or 1/6, here it is the logistic's 1/4"),
        **_near("steep_logistic", "heaviside step sign threshold perceptron", "its slope is 0, so nothing would train"),
        **_same("relu", "rectifier rectified_linear"),
        **_near("relu", "relu6", "it is clipped at 6"),
        **_same("leaky_relu", "lrelu leaky"),
        **_near("leaky_relu", "prelu", "its leak is trained, here it is 0.01"),
        **_same("elu", "exponential_linear exponential_linear_unit"),
        **_near("elu", "celu", "only with an alpha of 1 are the two the same"),
        **_same("selu", "scaled_elu"),
        **_same("softplus", "smooth_relu"),
        **_same("swish", "silu"),
        **_near("swish", "mish", ABSENT_SMOOTH),
        **_near("swish", "hard_swish", "it is made of straight lines and a parabola"),
        **_near("gelu", "gelu_tanh gelu_new gelu_fast gelu_approximate gelu_pytorch_tanh", APPROXIMATE),
        **_near("gelu", "quick_gelu", "it is x logistic(1.702 x), here gelu is exact"),
        **_same("identity", "linear none id"),
    },
    "initialiser": {
        **_same("zeros", "zero zeros_"),
        **_same("constant:1", "ones ones_"),
        **_same("constant", "const"),
        **_near("constant", "constant_ fill", "a value belongs to it, as in constant:0.1"),
        **_near("uniform", "random_uniform uniform_ rand", "elsewhere it has another default limit"),
        **_same("normal", "gaussian"),
        **_near("normal", "random_normal normal_ randn random", "elsewhere it has another default standard deviation"),
        **_near("plain_truncated_normal", "trunc_normal trunc_normal_", "PyTorch's is cut at -2 and 2 at any std"),
        **_near("plain_truncated_normal", "TruncatedNormal", "Keras's is not rescaled, and its std is 0.05 by default"),
        **_same("glorot_uniform", "xavier_uniform xavier_uniform_"),
        **_near("glorot_uniform", "glorot xavier", WHICH_KIND),
        **_same("variance_scaling:1:fan_avg:normal", "xavier_normal xavier_normal_"),
        **_same("he_uniform", "kaiming_uniform kaiming_uniform_"),
        **_near("he_normal", "he kaiming msra", WHICH_KIND),
        **_same("variance_scaling:2:fan_in:normal", "kaiming_normal kaiming_normal_"),
        **_near("lecun_normal", "lecun", WHICH_KIND),
        **_same("orthogonal", "orthogonal_ ortho orthonormal"),
        **_near("fan_in_uniform", "default pytorch torch standard fan_in", "PyTorch's default for a layer's weights"),
        **_same("sparse_share", "sparse_"),
        **_near("depth_scaled", "fixup", "Fixup's last layer is zeros, as in depth_scaled;last=zeros"),
        **_same("lsuv", "layer_sequential_unit_variance"),
        **_same("identity", "eye eye_"),
    },
    "loss": {
        **_same("cross_entropy", "ce xent log_loss cross_entropy_loss nll negative_log_likelihood"),
        **_near(
            "cross_entropy",
            "bce binary_cross_entropy categorical_cross_entropy sparse_categorical_cross_entropy softmax",
            "two classes have one logistic output unit here, more have a softmax",
        ),
        **_near(
            "squared_error",
            "mse mean_squared_error l2 sse quadratic brier squared",
            "the lab's is half the sum over the outputs, and its outputs are logistic",
        ),
    },
    "optimiser": {
        **_same("sgd", "stochastic_gradient_descent"),
        **_near("sgd", "gd gradient_descent", "sgd is that where batch_size is full"),
        **_same("momentum", "sgd_momentum momentum_sgd sgdm heavy_ball polyak"),
        **_same("nesterov", "nag nesterov_momentum sgd_nesterov nesterov_sgd"),
        **_near("rmsprop", "adagrad adadelta", "it sums the squared gradients otherwise"),
        **_near("adam", "adamw", "it also decays the weights"),
        **_near("adam", "nadam adamax amsgrad radam", "it is a variant, which the lab does not have"),
    },
    "normalisation": {
        **_same("none", "no off false"),
        **_near("layer", "layer_norm ln", "the lab's has no gain and bias to train"),
        **_near(
            "layer", "batch batch_norm bn group instance", "the lab's is over the units of a layer, example by example"
        ),
    },
    "batch_size": _same("full", "full_batch all"),
    "record": _same("every", "all each"),
    "target": {
        **_same("train_accuracy", "train_acc training_accuracy"),
        **_same("test_accuracy", "test_acc"),
        **_same("train_loss", "training_loss"),
        **_near("train_accuracy", "accuracy acc", "it is measured on the training or on the test set"),
        **_near("train_loss", "loss", "it is measured on the training or on the test set"),
        **_near("test_accuracy", "val_accuracy val_acc validation_accuracy", "it is measured on the test set"),
        **_near("test_loss", "val_loss validation_loss", "it is measured on the test set"),
    },
    "hidden": _same("none", "no"),
    "bias": {**_same("true", "yes on 1"), **_same("false", "no off 0")},
    "probe": _same("all", "full"),
    "dtype": {
        **_same("float32", "single f32 fp32"),
        **_same("float64", "double f64 fp64"),
        **_near("float32", "float", "it is 32 bits in some libraries and 64 in others"),
        **_near("float32", "half float16 bfloat16 bf16 fp16", "it is shorter than any here"),
    },
}
"""Names of values, by setting."""


class Names(Collection[str]):
    """Names that are asked for anew each time, so that what is added to a registry is among them at once."""

    def __init__(self, names: Callable[[], Iterable[str]]) -> None:
        self._names = names

    def __iter__(self) -> Iterator[str]:
        return iter(self._names())

    def __len__(self) -> int:
        return len(list(self._names()))

    def __contains__(self, name: object) -> bool:
        return name in list(self._names())


def plain(name: str) -> str:
    """A name without case, hyphens, underscores and blanks: 'LeakyReLU' and 'leaky-relu' are 'leakyrelu'.

    An underscore at the end stays: in PyTorch it makes another name.
    """
    end = "_" if name.endswith("_") else ""
    return "".join(c for c in name.lower() if c not in " _-") + end


def accepted(text: str, names: Collection[str], synonyms: Synonyms) -> str | None:
    """The one of `names` that `text` means, however it is spelled; None where it means none of them exactly.

    A synonym in its own spelling comes first: a class of another library may differ from what is called the same here.
    """
    if text in names:
        return text
    if text in synonyms:
        return None if synonyms[text].difference else synonyms[text].ours
    wanted = plain(text)
    for name in names:
        if plain(name) == wanted:
            return name
    return next((s.ours for name, s in synonyms.items() if plain(name) == wanted and not s.difference), None)


def suggested(text: str, names: Collection[str], synonyms: Synonyms) -> Synonym:
    """What `text`, which is not accepted, may have meant: a near thing, or a slip; ours is "" for neither."""
    own = {plain(name): Synonym(name) for name in names}
    foreign = {plain(name): synonym for name, synonym in synonyms.items()}
    wanted = plain(text[:60])
    if wanted in foreign:
        return foreign[wanted]
    known = foreign | own
    # Names are told apart by little: what is less alike must at least be the lab's own.
    close = difflib.get_close_matches(wanted, list(known), 1, 0.75) or difflib.get_close_matches(wanted, list(own), 1)
    return Synonym(known[close[0]].ours if close else "")


def known(given: str, names: Collection[str], setting: str, shown: str) -> str:
    """The one of `names` that `given` means as a value of `setting`. Raises ValueError that tells what was `shown`."""
    found = accepted(given, names, VALUES[setting])
    if found is None:
        meant = suggested(given, names, VALUES[setting])
        hint = f"; nearest: {meant.ours!r}{meant.remark}" if meant.ours else ""
        raise ValueError(f"unknown {setting} {shown}; allowed: {', '.join(names)}{hint}")
    return found
