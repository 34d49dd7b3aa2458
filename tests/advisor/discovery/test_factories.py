from __future__ import annotations

from pathlib import Path

from .helpers import found, kinds


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
