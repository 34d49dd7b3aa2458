from __future__ import annotations

from pathlib import Path

import pytest

from .helpers import candidate, found


def kinds(discovery) -> dict[str, str]:
    return {c.name: c.kind for c in discovery.candidates}


def test_module_classes_by_any_spelling_of_the_base(tmp_path: Path) -> None:
    discovery = found(
        tmp_path,
        """
        import torch, torch.nn, torch.nn as nn
        from torch import nn as layers
        from torch.nn import Module, Conv2d
        class A(nn.Module):
            def forward(self, x): return x
        class B(torch.nn.Module):
            def forward(self, x): return x
        class C(layers.Sequential): pass
        class D(Module):
            def forward(self, x): return x
        class E(Conv2d): pass
        class F(A): pass
        class Plain: pass
        class Data(torch.utils.data.Dataset): pass
        class Fn(torch.autograd.Function): pass
        """,
    )
    assert set(kinds(discovery)) == set("ABCDEF")


def test_bases_are_followed_into_other_files(tmp_path: Path) -> None:
    discovery = found(
        tmp_path,
        """
        from lib import Base
        from lib.plain import Helper
        class Net(Base): pass
        class NoNet(Helper): pass
        """,
        {
            "lib/__init__.py": "from .base import *\n",
            "lib/base.py": "import torch.nn as nn\nclass Base(nn.Module):\n    def forward(self, x): return x\n",
            "lib/plain.py": "class Helper:\n    def forward(self, x): return x\n",
        },
    )
    assert kinds(discovery) == {"Net": "class"}
    assert discovery.excluded == []


def test_unknown_base_counts_when_the_class_looks_like_a_module(tmp_path: Path) -> None:
    discovery = found(
        tmp_path,
        """
        from somewhere import BaseModule, Runner
        import tensorflow as tf
        import megengine.module as M
        class Keras(tf.keras.Model):
            def forward(self, x): return x
        class Mega(M.Module):
            def forward(self, x): return x
        class Neck(BaseModule):
            def forward(self, x): return x
        class Job(Runner):
            def run(self): pass
        """,
    )
    assert set(kinds(discovery)) == {"Neck"}


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("class DiceLoss(nn.Module):\n    def forward(self, a, b): return a", "a loss function"),
        ("class Base(nn.Module):\n    def forward(self, x):\n        raise NotImplementedError", "NotImplementedError"),
        ("class Base(nn.Module):\n    def __init__(self): super().__init__()", "no forward"),
        ("class Dist(nn.Module):\n    def forward(self, pred, target): return pred", "compares a prediction"),
        ("class Task(pl.LightningModule):\n    def forward(self, x): return self.model(x)", "a training wrapper"),
        ("class Accuracy(nn.Module):\n    def forward(self, a, b): return a", "a metric"),
    ],
)
def test_what_is_no_model_is_excluded_with_its_reason(tmp_path: Path, code: str, reason: str) -> None:
    discovery = found(tmp_path, "import torch.nn as nn\n" + code + "\n")
    assert discovery.request is None
    assert [reason in (c.excluded or "") for c in discovery.excluded] == [True]


def test_a_network_that_takes_a_target_is_a_model(tmp_path: Path) -> None:
    discovery = found(
        tmp_path,
        """
        from torch import nn
        class Net(nn.Module):
            def __init__(self):
                super().__init__()
                self.fc = nn.Linear(3, 3)
            def forward(self, input, target=None): return self.fc(input)
        """,
    )
    assert kinds(discovery) == {"Net": "class"}


FACTORIES = """
from torch import nn
class Net(nn.Module):
    def __init__(self, depth): super().__init__()
    def forward(self, x): return x
def direct(): return Net(3)
def variable(pretrained=False):
    model = Net(3)
    if pretrained: model.load_state_dict({})
    return model.eval()
def _create(name, cls, **kw): return cls(**kw)
def helped(): return _create("net", Net, depth=3)
def again(): return direct()
def annotated() -> nn.Module: return REGISTRY["net"]()
def block(width): return nn.Sequential(nn.Conv2d(3, width, 1))
def freeze(model):
    for p in model.parameters(): p.requires_grad = False
    return model
def frozen(model: nn.Module) -> nn.Module: return model
def number(): return 3
ready = Net(4)
head = nn.Sequential(nn.Linear(3, 4))
sizes = [1, 2]
if __name__ == "__main__":
    local = Net(5)
"""


def test_factories_and_instances(tmp_path: Path) -> None:
    discovery = found(tmp_path, FACTORIES)
    assert kinds(discovery) == {
        "Net": "class",
        **dict.fromkeys(("direct", "variable", "helped", "again", "annotated", "block"), "factory"),
        **dict.fromkeys(("ready", "head"), "instance"),
    }
    builds = {c.name: c.builds for c in discovery.candidates}
    assert [builds[n] for n in ("direct", "variable", "helped", "again", "ready")] == ["Net"] * 5
    assert builds["block"] is None


def test_factories_of_classes_in_other_files(tmp_path: Path) -> None:
    discovery = found(
        tmp_path,
        """
        from lib import SSD, Box
        def detector(): return SSD(3)
        def box(): return Box(3)
        """,
        {
            "lib.py": """
            from torch import nn
            class SSD(nn.Module):
                def forward(self, x): return x
            class Box: pass
            """
        },
    )
    assert kinds(discovery) == {"detector": "factory"}


def test_roots_and_required_arguments(tmp_path: Path) -> None:
    discovery = found(
        tmp_path,
        """
        from torch import nn
        class Block(nn.Module):
            def __init__(self, inp, oup, *, stride, bias=True): super().__init__()
            def forward(self, x): return x
        class Net(nn.Module):
            def __init__(self, width=1.0):
                super().__init__()
                self.a = Block(3, 4, stride=1)
            def forward(self, x): return self.a(x)
        class Child(Net): pass
        """,
    )
    by_name = {c.name: c for c in discovery.candidates}
    assert {n: c.root for n, c in by_name.items()} == {"Block": False, "Net": False, "Child": True}
    assert by_name["Block"].required == ("inp", "oup", "stride")
    assert by_name["Child"].required == ()


def test_request_lists_what_needs_no_guess_first(tmp_path: Path) -> None:
    discovery = found(tmp_path, FACTORIES)
    assert discovery.request is not None
    names = [c["name"] for c in discovery.request["candidates"]]
    assert names.index("direct") < names.index("Net") < names.index("block") or names.index("Net") > names.index(
        "ready"
    )
    assert candidate(discovery, "Net")["required"] == ["depth"]
    assert names[-1] in ("Net", "block")


def test_models_of_installed_packages_are_found_where_a_file_builds_them(tmp_path: Path) -> None:
    discovery = found(
        tmp_path,
        """
        import timm
        import segmentation_models_pytorch as smp
        from torchvision import models
        from torchvision.models import resnet18, get_weight, ResNet18_Weights
        net = resnet18()
        weights = get_weight("x")
        choice = ResNet18_Weights("x")
        names = timm.list_models()
        unet = smp.Unet()
        loss = smp.losses.DiceLoss()
        def make(): return resnet18()
        def backbone(name="resnet18"):
            model = timm.create_model(name)
            return model
        def head():
            return models.segmentation.fcn_resnet50()
        def names_of(): return timm.list_models()
        """,
    )
    wanted = {"net": "instance", "unet": "instance", "make": "factory", "backbone": "factory", "head": "factory"}
    assert kinds(discovery) == wanted
