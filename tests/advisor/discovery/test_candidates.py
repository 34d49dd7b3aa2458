from __future__ import annotations

from pathlib import Path

from .helpers import candidate, found, kinds

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
