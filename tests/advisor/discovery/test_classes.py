from __future__ import annotations

from pathlib import Path

import pytest

from .helpers import found, kinds


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


def test_classes_of_well_known_packages_have_their_forward(tmp_path: Path) -> None:
    discovery = found(
        tmp_path,
        """
        import segmentation_models_pytorch as smp
        import torchvision
        from torchvision import models
        from torchvision.models import MobileNetV2, MobileNet_V2_Weights
        class A(MobileNetV2):
            def __init__(self, n=7): super().__init__(num_classes=n)
        class B(models.mobilenetv2.MobileNetV2): pass
        class C(torchvision.models.segmentation.FCN): pass
        class D(smp.Unet): pass
        class Weights(MobileNet_V2_Weights): pass
        class Choice(torchvision.models._api.WeightsEnum): pass
        class Other(models.WeightsEnum): pass
        """,
    )
    assert set(kinds(discovery)) == set("ABCD")


def test_a_base_that_cannot_be_read_counts_where_layers_are_kept(tmp_path: Path) -> None:
    discovery = found(
        tmp_path,
        """
        from torch import nn
        from lib import Pretrained, Store
        class Fine(Pretrained):
            def __init__(self):
                super().__init__()
                self.classifier = nn.Sequential(nn.Linear(8, 4))
        class Shelf(Store):
            def __init__(self):
                super().__init__()
                self.classifier = self.load(nn.Linear)
        """,
    )
    assert set(kinds(discovery)) == {"Fine"}


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
