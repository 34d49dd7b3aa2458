"""Constructor arguments: the request's, captured ones, guesses by name, use and annotation, and mended ones."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from advisor.worker.load.construct import evaluation

from ..audits import Auditor, attempt, candidate, inputs, tensor

HEAD = "import torch\nfrom torch import nn\nimport torch.nn.functional as F\n"


def net(parameters: str, body: str, forward: str = "return self.conv(x)", before: str = "") -> str:
    """A file with one class ``Net``."""
    lines = "\n        ".join(body.split("\n"))
    return f"""{HEAD}{before}
class Net(nn.Module):
    def __init__(self, {parameters}):
        super().__init__()
        {lines}

    def forward(self, x):
        {forward}
"""


def test_the_requests_arguments_are_evaluated_in_the_files_namespace(auditor: Auditor) -> None:
    source = net("width", "self.conv = nn.Conv2d(3, width, 1)", before="WIDTH = 12\n")
    event = auditor.audit(source, candidate("Net", attempts=[attempt("WIDTH * 2")]))["Net"]
    assert event["construct"] == {"source": "call-site", "where": "here.py:1", "shown": "Net(WIDTH * 2)"}
    assert [t[1] for t in event["graph"]["tensors"] if t[1] == [24, 3, 1, 1]]


def test_a_users_arguments_are_neither_mended_nor_followed_by_guesses(auditor: Auditor) -> None:
    source = net("width", "self.conv = nn.Conv2d(3, width, 1)")
    told = attempt("'wide'", source="directive", literal=True)
    event = auditor.audit(source, candidate("Net", attempts=[told]))["Net"]
    assert event["status"] == "failed" and event["error"]["type"] == "TypeError"


def test_literal_attempts_are_never_evaluated(auditor: Auditor) -> None:
    source = net("width", "self.conv = nn.Conv2d(3, width, 1)")
    told = attempt("[8][0]", source="directive", literal=True)
    event = auditor.audit(source, candidate("Net", attempts=[told]))["Net"]
    assert event["status"] == "failed" and event["error"]["type"] == "ValueError"


def test_a_classmethod_and_a_factory_that_returns_a_tuple(auditor: Auditor) -> None:
    source = (
        net("width", "self.conv = nn.Conv2d(3, width, 1)")
        + "\n    @classmethod\n    def small(cls):\n        return cls(4)\n"
    )
    source += "\n\ndef build():\n    return Net(5), 'config'\n"
    named = {**attempt(source="classmethod"), "callee": "Net.small"}
    events = auditor.audit(source, candidate("Net", attempts=[named]), candidate("build", "factory"))
    assert events["Net"]["construct"]["shown"] == "Net.small()"
    assert events["build"]["status"] == "ok"


def test_a_class_that_only_a_parent_builds_gets_the_parents_arguments(auditor: Auditor) -> None:
    source = (
        HEAD
        + """
class Odd(nn.Module):
    def __init__(self, secret):
        super().__init__()
        assert secret == "xyzzy"
        self.conv = nn.Conv2d(7, 7, 1)

    def forward(self, x):
        return self.conv(x)

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.unused = Odd("xyzzy")
        self.conv = nn.Conv2d(3, 8, 1)

    def forward(self, x):
        return self.conv(x)
"""
    )
    events = auditor.audit(source, candidate("Net", attempts=[attempt()]), candidate("Odd", root=False))
    assert events["Odd"]["construct"]["source"] == "captured"
    assert events["Odd"]["input"]["shown"].startswith("(1, 7, ")


@pytest.mark.parametrize(
    ("parameters", "body"),
    [
        ("in_channels, num_classes", "self.conv = nn.Conv2d(in_channels, num_classes, 1)"),
        ("width, act_layer, norm", "self.conv = nn.Sequential(nn.Conv2d(3, width, 1), norm(width), act_layer())"),
        ("dims", "self.conv = nn.Sequential(*[nn.Conv2d(a, b, 1) for a, b in zip(dims, dims[1:])])"),
        ("dim, num_heads", "assert dim % num_heads == 0\nself.conv = nn.Conv2d(3, dim, 1)"),
        ("kind", "self.conv = {'a': nn.Conv2d}[kind](3, 8, 1) if kind == 'a' else None\nself.conv.weight"),
        ("cfg", "self.conv = nn.Conv2d(3, cfg['hidden_dim'], cfg['kernel_size'])"),
        ("config", "self.conv = nn.Conv2d(config.in_channels, config.hidden_size, 1)"),
        ("arch", "self.conv = nn.Conv2d(3, WIDTHS[arch], 1)"),
        ("mid, out", "assert mid == out // 2\nself.conv = nn.Conv2d(3, out, 1)"),
        ("layers=None", "self.conv = nn.Conv2d(3, layers[0], 1)"),
        ("stages", "self.conv = nn.Conv2d(3, stages[5], 1)"),
    ],
)  # fmt: skip
def test_parameters_nobody_supplied_are_guessed(auditor: Auditor, parameters: str, body: str) -> None:
    event = auditor.audit(net(parameters, body, before="WIDTHS = {'s': 4, 'm': 8}\n"), candidate("Net"))["Net"]
    assert event["status"] == "ok", event["error"]
    assert event["construct"]["source"] == "parameter-names"


def test_configuration_classes_are_built_from_their_defaults(auditor: Auditor) -> None:
    before = """
from dataclasses import dataclass
import enum

class Act(enum.Enum):
    RELU = "relu"

@dataclass
class Config:
    width: int = 24
    depth: int
""".replace("    depth: int\n", "")
    source = net("config: Config, act: Act", "self.conv = nn.Conv2d(3, config.width, 1)\nact.value", before=before)
    event = auditor.audit(source, candidate("Net"))["Net"]
    assert event["status"] == "ok", event["error"]
    assert "Config(width=24)" in event["construct"]["shown"]


def test_a_parameter_without_anything_to_go_by_is_named(auditor: Auditor) -> None:
    source = net("qwertz", "self.conv = open(qwertz['a']['b'].path())")
    event = auditor.audit(source, candidate("Net", root=True))["Net"]
    assert event["status"] == "failed"
    assert event["construct"] is None


def test_constructors_that_need_values_are_built_on_the_cpu(auditor: Auditor) -> None:
    body = "rates = [r.item() for r in torch.linspace(0, 1, 4)]\nself.conv = nn.Conv2d(3, len(rates), 1)"
    event = auditor.audit(net("", body), candidate("Net", attempts=[attempt()]))["Net"]
    assert (event["status"], event["rung"]) == ("ok", "fx-meta")


def test_weights_are_neither_fetched_nor_needed(auditor: Auditor) -> None:
    body = (
        "self.conv = nn.Conv2d(3, 8, 1)\n"
        "state = torch.hub.load_state_dict_from_url('https://example.invalid/w.pth')\n"
        "self.load_state_dict(state['model'])\n"
        "self.load_state_dict(torch.load('/nonexistent.pth', map_location='cuda:0'))"
    )
    assert auditor.audit(net("", body), candidate("Net", attempts=[attempt()]))["Net"]["status"] == "ok"


def test_code_for_a_gpu_runs_without_one(auditor: Auditor) -> None:
    body = (
        "torch.cuda.set_device(0)\n"
        "self.conv = nn.Conv2d(3, 8, 1).cuda().to('cuda:1')\n"
        "self.register_buffer('scale', torch.ones(8, 1, 1, device='cuda'))"
    )
    forward = "y = self.conv(x.cuda()) * self.scale.to(torch.device('cuda')); torch.cuda.synchronize(); return y"
    assert auditor.audit(net("", body, forward), candidate("Net", attempts=[attempt()]))["Net"]["status"] == "ok"


def test_a_module_imported_only_by_the_constructor_is_made_up(auditor: Auditor) -> None:
    body = "import absent_logger\nabsent_logger.setup()\nself.conv = nn.Conv2d(3, 8, 1)"
    event = auditor.audit(net("", body), candidate("Net", attempts=[attempt()]))["Net"]
    assert event["status"] == "ok"
    assert any("absent_logger" in note for note in event["notes"])


def test_the_inputs_of_a_construction_come_first(auditor: Auditor) -> None:
    source = net("width", "self.conv = nn.Conv2d(3, width, 1)")
    one = {**attempt("8"), "inputs": [inputs(tensor(2, 3, 40, 48))]}
    event = auditor.audit(source, candidate("Net", attempts=[one], inputs=[inputs(tensor(1, 3, 9, 9))]))["Net"]
    assert event["input"]["shown"] == "(2, 3, 40, 48) float32"


WRAPPER = """
class Translator(nn.Module):
    def __init__(self, num_tokens, dim, *, max_len):
        super().__init__()
        self.max_len = max_len
        self.embed = nn.Embedding(num_tokens, dim)
        self.out = nn.Linear(dim, num_tokens)

    def forward(self, x):
        return self.out(self.embed(x))

class Wrapper(nn.Module):
    def __init__(self, inner{annotation}):
        super().__init__()
        {check}
        self.inner = inner
        self.length = {length}

    def forward(self, x):
        return self.inner(x)
"""


@pytest.mark.parametrize(
    ("annotation", "check", "length"),
    [
        (": Translator", "pass", "1"),
        ("", "assert isinstance(inner, Translator)", "1"),
        ("", "pass", "inner.max_len"),
    ],
)
def test_a_module_that_is_wrapped_is_one_of_the_files_that_fits(
    auditor: Auditor, annotation: str, check: str, length: str
) -> None:
    source = HEAD + WRAPPER.format(annotation=annotation, check=check, length=length)
    event = auditor.audit(source, candidate("Wrapper"))["Wrapper"]
    assert event["status"] == "ok" and "Translator" in event["covers"], event["error"]


def test_what_is_stored_and_called_is_a_module(auditor: Auditor) -> None:
    source = net(
        "dim, mixer", "self.conv = nn.Conv2d(3, dim, 1)\nself.mixer = mixer", "return self.mixer(self.conv(x), 1)"
    )
    assert auditor.audit(source, candidate("Net"))["Net"]["status"] == "ok"


def test_a_dictionary_is_given_the_keys_that_forward_reads(auditor: Auditor) -> None:
    source = net("dim", "self.conv = nn.Conv2d(3, dim, 1)", "return self.conv(x['left']) - self.conv(x['right'])")
    event = auditor.audit(source, candidate("Net"))["Net"]
    assert event["status"] == "ok" and event["input"]["shown"].startswith("{left: (1, 3,")


def test_spread_features_have_the_widths_that_a_parent_gave(auditor: Auditor) -> None:
    source = f"""{HEAD}
class Decoder(nn.Module):
    def __init__(self, encoder_channels):
        super().__init__()
        self.low = nn.Conv2d(encoder_channels[-1], 8, 1)
        self.high = nn.Conv2d(encoder_channels[-2], 8, 1)

    def forward(self, *features):
        return self.high(features[-2]) + F.interpolate(self.low(features[-1]), scale_factor=2)

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.decoder = Decoder((3, 20, 36))

    def forward(self, x):
        raise RuntimeError("for the decoder alone")
"""
    event = auditor.audit(source, candidate("Net"), candidate("Decoder", root=False))["Decoder"]
    assert event["status"] == "ok" and "(1, 36, 16, 16)" in event["input"]["shown"], event


@pytest.mark.parametrize(
    ("body", "shown"),
    [
        (
            "self.conv = nn.Conv2d(cfg.model.in_channels, cfg.model.width, 3)",
            "Net(cfg={'model': {'in_channels': 3, 'width': 64}})",
        ),
        (
            'm = cfg["model"]\nself.conv = nn.Conv2d(3, m.hidden_dim, m.get("kernel", 3))',
            "Net(cfg={'model': {'hidden_dim': 64}})",
        ),
        (
            "self.layers = nn.ModuleList()\nself.conv = nn.Sequential()\nfor _ in range(cfg.layers):\n"
            "    self.conv.append(nn.Conv2d(3, 3, cfg.kernel_size))\nfor layer in self.layers:\n    print(layer)",
            "Net(cfg={'layers': 2, 'kernel_size': 3})",
        ),
    ],
)
def test_a_configuration_is_made_up_as_it_is_read(auditor: Auditor, body: str, shown: str) -> None:
    unrelated = "class Cfg:\n    dim = 48\n"
    event = auditor.audit(net("cfg", body, before=unrelated), candidate("Net", required=["cfg"]))["Net"]
    assert event["status"] == "ok" and event["construct"]["shown"] == shown


class Told(nn.ReLU):
    def train(self, mode: bool = True) -> Told:
        self.told = mode
        return super().train(mode)


class Odd(nn.Sequential):
    def train(self, mode: bool = True) -> Odd:
        raise AssertionError("another meaning")


@pytest.mark.parametrize("root", [nn.Sequential, Odd])
@pytest.mark.parametrize("layer", [nn.ReLU, Told])
def test_every_layer_is_in_evaluation_mode(root: type[nn.Sequential], layer: type[nn.Module]) -> None:
    model: Any = evaluation(root(nn.Sequential(nn.Dropout(), layer()), nn.BatchNorm2d(3)))
    assert not any(m.training for m in model.modules())
    if layer is Told and root is nn.Sequential:
        assert model[0][1].told is False


def test_a_scripted_layer_is_in_evaluation_mode() -> None:
    scripted: Any = torch.jit.script(nn.Dropout())
    evaluation(nn.Sequential(scripted))
    assert not scripted.training
    assert torch.equal(scripted(torch.ones(64)), torch.ones(64))
