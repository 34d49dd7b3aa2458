"""The live rendering of moves: changing an ``nn.Module`` as a plan of plain data says.

Runs under the user's interpreter, with torch and the standard library only. The plan comes from
``advisor.moves.live.surgery_plan``. New tensors are made on the device of the old ones ('meta' included) and are
initialised by the layers' own constructors, resized ones are filled with zeros: candidates are trained afterwards.
"""

import copy

import torch
from torch import nn

CONVS = {1: nn.Conv1d, 2: nn.Conv2d, 3: nn.Conv3d}
TRANSPOSED = {1: nn.ConvTranspose1d, 2: nn.ConvTranspose2d, 3: nn.ConvTranspose3d}
ACTIVATIONS = {
    "relu": nn.ReLU,
    "relu6": nn.ReLU6,
    "hardswish": nn.Hardswish,
    "silu": nn.SiLU,
    "gelu": nn.GELU,
    "sigmoid": nn.Sigmoid,
    "hardsigmoid": nn.Hardsigmoid,
    "tanh": nn.Tanh,
    "leaky_relu": nn.LeakyReLU,
    "mish": nn.Mish,
    "elu": nn.ELU,
}


class SurgeryError(ValueError):
    """A plan that this model's modules cannot follow."""


def apply(model, plan):
    """A deep copy of ``model``, changed as ``plan`` says; raises :class:`SurgeryError`."""
    model = copy.deepcopy(model)
    for name, shape in plan["parameters"].items():
        path, _, leaf = name.rpartition(".")
        _resize(_get(model, path), leaf, shape)
    for path, layers in plan["layers"].items():
        module = _get(model, path)
        new = [_keep(module, layer) if layer["keep"] else _make(module, layer) for layer in layers]
        if len(new) == 1 and new[0] is module:
            continue
        _set(model, path, new[0] if len(new) == 1 else nn.Sequential(*new) if new else nn.Identity())
    return model


def _get(model, path):
    try:
        return model.get_submodule(path)
    except AttributeError as e:
        raise SurgeryError(f"the model has no module {path}") from e


def _set(model, path, module):
    parent, _, leaf = path.rpartition(".")
    if not leaf:
        raise SurgeryError("the model itself cannot be replaced")
    setattr(_get(model, parent), leaf, module)


def _resize(module, name, shape):
    """Give a parameter or buffer another shape; zeros, on the same device."""
    old = getattr(module, name, None)
    if old is None:
        raise SurgeryError(f"{type(module).__name__} has no {name}")
    new = torch.zeros(tuple(shape), dtype=old.dtype, device=old.device)
    if isinstance(old, nn.Parameter):
        setattr(module, name, nn.Parameter(new, requires_grad=old.requires_grad))
    else:
        module._buffers[name] = new


def _keep(module, layer):
    """Change a module's attributes in place; parameters that it does not have any more go, a new bias comes."""
    for role in ("weight", "bias"):
        if role in module._parameters and role not in layer["weights"]:
            module.register_parameter(role, None)
    if "bias" in layer["weights"] and getattr(module, "bias", None) is None:
        like = module.weight
        module.bias = nn.Parameter(torch.zeros(layer["weights"]["bias"], dtype=like.dtype, device=like.device))
    attrs, weights = layer["attrs"], layer["weights"]
    op = layer["op"]
    if op == "conv":
        _keep_conv(module, attrs, weights["weight"])
    elif op == "linear":
        module.out_features, module.in_features = weights["weight"]
    elif op == "embedding":
        module.num_embeddings, module.embedding_dim = weights["weight"]
    elif op in ("batch_norm", "instance_norm"):
        module.num_features = next(iter(weights.values()), [module.num_features])[0]
    elif op == "group_norm":
        module.num_channels = next(iter(weights.values()), [module.num_channels])[0]
    elif op in ("layer_norm", "rms_norm") and weights:
        module.normalized_shape = tuple(weights["weight"])
    elif op == "pool":
        module.stride = tuple(attrs["stride"])
    elif op == "rnn":
        module.hidden_size, module.input_size = attrs["hidden"], weights["weight_ih_l0"][1]
    return module


def _keep_conv(module, attrs, weight):
    groups = attrs["groups"]
    ends = (weight[0], weight[1] * groups)
    module.in_channels, module.out_channels = ends if attrs["transposed"] else ends[::-1]
    module.groups = groups
    module.kernel_size = tuple(attrs["kernel"])
    module.stride = tuple(attrs["stride"])
    module.dilation = tuple(attrs["dilation"])
    if not isinstance(module.padding, str):
        module.padding = tuple(attrs["padding"])
        module._reversed_padding_repeated_twice = [p for p in reversed(module.padding) for _ in range(2)]


def _make(old, layer):
    """A new layer where the plan asks for one, on the device and in the dtype of the old module."""
    attrs, weights = layer["attrs"], layer["weights"]
    like = next(old.parameters(), None)
    where = {} if like is None else {"device": like.device, "dtype": like.dtype}
    if layer["op"] == "activation":
        if attrs["fn"] not in ACTIVATIONS:
            raise SurgeryError(f"no module for the activation {attrs['fn']}")
        return ACTIVATIONS[attrs["fn"]]()
    if layer["op"] == "batch_norm":
        return nn.BatchNorm2d(weights["weight"][0], eps=attrs["eps"], **where)
    if layer["op"] == "conv":
        weight, groups = weights["weight"], attrs["groups"]
        ends = (weight[0], weight[1] * groups)
        if not attrs["transposed"]:
            ends = ends[::-1]
        kinds = TRANSPOSED if attrs["transposed"] else CONVS
        return kinds[len(attrs["kernel"])](
            *ends,
            tuple(attrs["kernel"]),
            tuple(attrs["stride"]),
            tuple(attrs["padding"]),
            dilation=tuple(attrs["dilation"]),
            groups=groups,
            bias="bias" in weights,
            **where,
        )
    raise SurgeryError(f"no new {layer['op']} can be made")
