from __future__ import annotations

from pathlib import Path

import pytest

from .helpers import candidate, found

NET = """
import torch, numpy as np
from torch import nn
from torch.autograd import Variable
class Net(nn.Module):
    def forward(self, x): return x
"""


def tensor(*shape: int, dtype: str = "float32") -> dict:
    return {"shape": list(shape), "dtype": dtype}


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("torch.randn(1, 3, 32, 32)", tensor(1, 3, 32, 32)),
        ("torch.randn((1, 3, 32, 32)).cuda()", tensor(1, 3, 32, 32)),
        ("torch.zeros(size=(2, 5), dtype=torch.long)", tensor(1, 5, dtype="int64")),
        ("torch.randint(0, 100, (1, 16))", tensor(1, 16, dtype="int64")),
        ("torch.ones(1, 7).bool()", tensor(1, 7, dtype="bool")),
        ("Variable(torch.rand(4, 1, 28, 28))", tensor(1, 1, 28, 28)),
        ("torch.rand(4, 28)", tensor(4, 28)),
        ("torch.rand(3, 8, 8).unsqueeze(0)", tensor(1, 3, 8, 8)),
        ("torch.from_numpy(np.random.rand(1, 9)).float()", tensor(1, 9)),
        ("torch.arange(12).view(1, 12)", tensor(1, 12, dtype="int64")),
        ("[torch.randn(1, 2), torch.randn(1, 3)]", {"list": [tensor(1, 2), tensor(1, 3)]}),
        ("{'a': torch.randn(1, 2)}", {"dict": {"a": tensor(1, 2)}}),
    ],
)
def test_what_a_model_is_called_with(tmp_path: Path, expression: str, expected: dict) -> None:
    discovery = found(tmp_path, NET + f"\ndef test():\n    net = Net().eval()\n    x = {expression}\n    y = net(x)\n")
    assert candidate(discovery, "Net")["inputs"][0]["args"] == [expected]


@pytest.mark.parametrize(
    "call",
    [
        "summary(net, (3, 32, 32))",
        "summary(net, input_size=(3, 32, 32))",
        "get_model_complexity_info(net, (3, 32, 32), as_strings=True)",
        "profile(net, inputs=(torch.randn(1, 3, 32, 32),))",
        "torch.onnx.export(net, torch.randn(1, 3, 32, 32), 'x.onnx')",
        "torch.jit.trace(net, torch.randn(1, 3, 32, 32))",
    ],
)
def test_reports_and_exports_tell_the_input(tmp_path: Path, call: str) -> None:
    discovery = found(tmp_path, NET + f"\nnet = Net()\n{call}\n")
    assert candidate(discovery, "Net")["inputs"][0]["args"] == [tensor(1, 3, 32, 32)]


def test_torchinfo_sizes_contain_the_batch(tmp_path: Path) -> None:
    discovery = found(tmp_path, NET + "\nfrom torchinfo import summary\nsummary(Net(), input_size=(4, 3, 8, 8))\n")
    assert discovery.request is not None
    assert discovery.request["hints"][0]["args"] == [tensor(4, 3, 8, 8)]


def test_hints_of_the_file_leave_out_what_classes_make(tmp_path: Path) -> None:
    discovery = found(
        tmp_path,
        NET
        + """
    def extra(self): return torch.zeros(9, 9, 9, 9)
default_cfg = {"input_size": (3, 240, 240)}
dummy = torch.randn(1, 3, 64, 64)
""",
    )
    assert discovery.request is not None
    assert [h["args"] for h in discovery.request["hints"]] == [[tensor(1, 3, 64, 64)], [tensor(1, 3, 240, 240)]]


@pytest.mark.parametrize(
    ("signature", "expected"),
    [
        ("x: Float[Tensor, 'b 3 h w']", [tensor(1, 3, 224, 224)]),
        ("x: \"Int[torch.Tensor, '2 7']\"", [tensor(2, 7, dtype="int64")]),
        (
            "ids: Int[Tensor, 'batch 16'], mask: Bool[Tensor, 'batch 16']",
            [tensor(1, 16, dtype="int64"), tensor(1, 16, dtype="bool")],
        ),
    ],
)
def test_annotated_shapes(tmp_path: Path, signature: str, expected: list[dict]) -> None:
    code = f"from torch import nn\nclass Net(nn.Module):\n    def forward(self, {signature}): return 1\n"
    [hint] = candidate(found(tmp_path, code), "Net")["inputs"]
    assert (hint["source"], hint["args"], hint["where"]) == ("annotation", expected, "net.py:3")


def test_docstring_shapes(tmp_path: Path) -> None:
    code = '''
from torch import nn
class Net(nn.Module):
    def forward(self, x):
        """Run.

        x: images of shape (B, 3, 48, 48)
        """
        return x
'''
    [hint] = candidate(found(tmp_path, code), "Net")["inputs"]
    assert (hint["source"], hint["args"]) == ("docstring", [tensor(1, 3, 48, 48)])
