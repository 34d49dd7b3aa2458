from __future__ import annotations

import json
from pathlib import Path

import pytest

from advisor.discovery.project import Project
from advisor.discovery.request import discover

from .helpers import candidate, found, write

NET = """
from torch import nn
class Block(nn.Module):
    def forward(self, x): return x
class Net(nn.Module):
    def __init__(self, width, depth=2, pretrained=True, weights="DEFAULT"): super().__init__()
    def forward(self, x): return x
"""


def attempts_of(discovery, name: str = "Net") -> list[dict]:
    return candidate(discovery, name)["attempts"]


def test_defaults_ask_for_no_weights(tmp_path: Path) -> None:
    discovery = found(
        tmp_path,
        """
        from torch import nn
        def net(pretrained=True, weights="IMAGENET", backbone_pretrained=False, width=1.0):
            return nn.Sequential(nn.Conv2d(3, 4, 1))
        """,
    )
    first = attempts_of(discovery, "net")[0]
    assert (first["source"], first["kwargs"]) == ("default", {"pretrained": "False", "weights": "None"})
    assert first["literal"]


def test_call_sites_are_read_with_their_constants(tmp_path: Path) -> None:
    discovery = found(
        tmp_path,
        NET
        + """
SIZES = {"small": [8, 16]}
def small(scale=2):
    base = SIZES["small"]
    return Net(base[1] * scale, depth=len(base), pretrained=True)
""",
    )
    attempt = next(a for a in attempts_of(discovery) if a["source"] == "call-site")
    assert attempt["args"] == ["32"]
    assert attempt["kwargs"] == {"depth": "2", "pretrained": "False", "weights": "None"}
    assert attempt["literal"]
    assert attempt["where"] == "net.py:12"


def test_what_is_no_constant_comes_with_its_setup(tmp_path: Path) -> None:
    discovery = found(
        tmp_path,
        NET
        + """
if __name__ == "__main__":
    import math
    noise = object()
    cfg = dict(a=math.ceil(3.5))
    cfg["b"] = 7
    for width in [4, 8]:
        net = Net(cfg["a"], depth=width)
""",
    )
    attempt = next(a for a in attempts_of(discovery) if a["source"] == "call-site")
    assert not attempt["literal"]
    assert attempt["args"] == ["cfg['a']"]
    assert attempt["kwargs"]["depth"] == "4"
    assert attempt["setup"] == ["import math", "cfg = dict(a=math.ceil(3.5))", "cfg['b'] = 7"]
    assert eval(attempt["args"][0], _run(attempt["setup"])) == 4


def _run(setup: list[str]) -> dict:
    namespace: dict = {}
    exec("\n".join(setup), namespace)
    return namespace


def test_command_line_defaults_stand_for_the_command_line(tmp_path: Path) -> None:
    discovery = found(
        tmp_path,
        NET,
        {
            "train.py": """
        import argparse
        from net import Net
        parser = argparse.ArgumentParser()
        parser.add_argument("--model-width", "-w", type=int, default=24)
        parser.add_argument("--deep", action="store_true")
        args = parser.parse_args()
        net = Net(args.model_width, depth=args.deep)
        """,
        },
    )
    attempt = next(a for a in attempts_of(discovery) if a["source"] == "other-file")
    assert attempt["args"] == ["24"]
    assert attempt["kwargs"]["depth"] == "False"
    assert attempt["where"] == "train.py:8"


def test_other_files_count_only_when_they_import_this_one(tmp_path: Path) -> None:
    discovery = found(
        tmp_path,
        NET,
        {
            "other.py": "class Net:\n    def __init__(self, w): pass\n",
            "stranger.py": "from other import Net\nnet = Net(1)\n",
            "user.py": "import net\nn = net.Net(2)\n",
        },
    )
    assert [a["args"] for a in attempts_of(discovery)] == [["2"]]


def test_names_of_another_file_are_imported_from_it(tmp_path: Path) -> None:
    discovery = found(
        tmp_path,
        NET,
        {
            "pkg/tools.py": "def widths():\n    return 3\n",
            "pkg/use.py": "from net import Net\nfrom .tools import widths\ndef build():\n    return Net(widths(), 4)\n",
        },
    )
    attempt = attempts_of(discovery)[0]
    assert attempt["args"] == ["widths()", "4"]
    assert attempt["setup"] == ["from pkg.tools import widths"]


def test_documents_supply_calls_and_what_was_fed(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "README.md": """
            # Net
            ```bash
            pip install net
            ```
            ```python
            import torch
            from net import Net
            size = 48
            model = Net(width=12).eval()
            out = model(torch.randn(2, 3, size, size * 2), scale=2)
            ```
            """,
        },
    )
    discovery = found(tmp_path, NET)
    attempt = attempts_of(discovery)[0]
    assert (attempt["source"], attempt["where"]) == ("readme", "README.md:10")
    assert attempt["kwargs"]["width"] == "12"
    assert attempt["inputs"] == [
        {
            "source": "literal",
            "where": "README.md:11",
            "args": [{"shape": [1, 3, 48, 96], "dtype": "float32"}],
            "kwargs": {"scale": {"value": 2}},
        }
    ]
    assert candidate(discovery, "Net")["inputs"] == attempt["inputs"]


def test_classmethods_and_subclasses(tmp_path: Path) -> None:
    discovery = found(
        tmp_path,
        NET
        + """
    @classmethod
    def from_name(cls, name): return cls(8)
class Small(Net):
    def __init__(self):
        super().__init__(8, depth=1)
def test():
    Net.from_pretrained("small")
""",
    )
    by_source = {a["source"]: a for a in attempts_of(discovery)}
    assert by_source["classmethod"]["callee"] == "Net.from_name"
    assert by_source["classmethod"]["args"] == ["'small'"]
    assert by_source["subclass"]["args"] == ["8"]


def test_configuration_objects(tmp_path: Path) -> None:
    discovery = found(
        tmp_path,
        """
        from dataclasses import dataclass
        from torch import nn
        @dataclass
        class NetConfig:
            width: int = 3
        @dataclass
        class Demanding:
            width: int
        class Annotated(nn.Module):
            def __init__(self, settings: NetConfig): super().__init__()
            def forward(self, x): return x
        class Named(nn.Module):
            def __init__(self, config): super().__init__()
            def forward(self, x): return x
        class Hopeless(nn.Module):
            def __init__(self, settings: Demanding): super().__init__()
            def forward(self, x): return x
        """,
    )
    assert attempts_of(discovery, "Annotated")[0]["kwargs"] == {"settings": "NetConfig()"}
    assert attempts_of(discovery, "Named")[0]["kwargs"] == {"config": "NetConfig()"}
    assert attempts_of(discovery, "Hopeless") == []


def test_settings_are_collected_from_the_dictionary_that_has_them(tmp_path: Path) -> None:
    discovery = found(
        tmp_path,
        """
        from torch import nn
        class Net(nn.Module):
            def __init__(self, config):
                super().__init__()
                self.a = nn.Linear(config["width"], config["classes"])
                self.b = nn.Linear(config["depth"], 1)
            def forward(self, x): return x
        TABLE = {"small": dict(width=3, classes=4), "other": {"depth": 5, "rate": 0.1}, "x": {"unrelated": 1}}
        """,
    )
    [attempt] = attempts_of(discovery)
    assert attempt["source"] == "config-object"
    assert eval(attempt["kwargs"]["config"]) == {"width": 3, "classes": 4, "depth": 5, "rate": 0.1}


def test_a_configuration_tree_gives_the_values_of_its_paths(tmp_path: Path) -> None:
    discovery = found(
        tmp_path,
        NET,
        {
            "config.py": "from yacs.config import CfgNode as CN\n_C = CN()\n_C.MODEL = CN()\n_C.MODEL.WIDTH = 96\n",
            "build.py": "from net import Net\ndef build(c):\n    return Net(c.MODEL.WIDTH, depth=c.NONE)\n",
        },
    )
    attempt = attempts_of(discovery)[0]
    assert attempt["args"] == ["96"]
    assert "depth" not in attempt["kwargs"]


def test_settings_that_default_to_none_are_looked_for_where_the_users_import_them_from(tmp_path: Path) -> None:
    discovery = found(
        tmp_path,
        """
        from torch import nn
        class Net(nn.Module):
            def __init__(self, cfg=None):
                super().__init__()
                self.a = nn.Linear(cfg["width"], cfg["classes"])
            def forward(self, x): return x
        """,
        {
            "run.py": "from net import Net\nfrom data import small\ndef run(self):\n    return Net(cfg=self.cfg)\n",
            "data.py": "small = {'width': 3, 'classes': 4}\n",
        },
    )
    attempt = next(a for a in attempts_of(discovery) if a["source"] == "config-object")
    assert eval(attempt["kwargs"]["cfg"]) == {"width": 3, "classes": 4}


def test_a_name_set_from_itself_needs_what_it_was(tmp_path: Path) -> None:
    text = """
import copy
def build(cfg):
    cfg = copy.deepcopy(cfg)
    return Net(cfg.width)
def tune(cfg={"w": 3}):
    cfg = dict(cfg, w=4)
    return Net(cfg["w"])
"""
    [attempt] = [a for a in attempts_of(found(tmp_path, NET + text)) if a["source"] == "call-site"]
    assert eval(attempt["args"][0], _run(attempt["setup"])) == 4


def test_tables_hold_arguments_beside_the_class(tmp_path: Path) -> None:
    discovery = found(
        tmp_path, NET + "\nNETS = {'a': {'cls': Net, 'params': {'width': 5, 'depth': 1, 'weights': 'X'}}}\n"
    )
    attempt = attempts_of(discovery)[0]
    assert (attempt["source"], attempt["kwargs"]) == ("table", {"width": "5", "depth": "1", "weights": "None"})


def test_a_value_that_the_project_gives_to_the_same_name(tmp_path: Path) -> None:
    discovery = found(tmp_path, NET, {"train.py": "WIDTHS = 3\nrun(width=[1, 2], other=4)\n"})
    [attempt] = attempts_of(discovery)
    assert (attempt["source"], attempt["kwargs"]) == ("same-name", {"width": "[1, 2]"})


def test_lists_that_a_loop_fills_come_with_the_loop(tmp_path: Path) -> None:
    discovery = found(
        tmp_path,
        NET
        + """
if __name__ == "__main__":
    sizes = []
    for i in range(3):
        sizes.append(i * 2)
    Net(sizes)
""",
    )
    attempt = attempts_of(discovery)[0]
    assert eval(attempt["args"][0], _run(attempt["setup"])) == [0, 2, 4]


def test_blocks_are_taken_out_of_the_models_of_other_files(tmp_path: Path) -> None:
    discovery = found(
        tmp_path,
        NET,
        {
            "big.py": """
            from torch import nn
            from net import Net
            class Stage(nn.Module):
                def __init__(self, w):
                    super().__init__()
                    self.inner = Net(w * self.scale)
                def forward(self, x): return x
            class Big(nn.Module):
                def __init__(self, stages):
                    super().__init__()
                    self.stages = [Stage(s) for s in stages]
                def forward(self, x): return x
            def big():
                return Big([1, 2])
            """
        },
    )
    attempt = next(a for a in attempts_of(discovery) if a["source"] == "parent")
    assert attempt["callee"] == "Net_in_big"
    assert attempt["setup"][0] == "from big import big"
    assert "big().modules()" in attempt["setup"][-1]


def test_a_directive_comes_first_and_is_literal(tmp_path: Path) -> None:
    discovery = found(
        tmp_path,
        NET.replace("class Net", "# advisor: args=(10,) kwargs={'depth': 3} input=(1, 16):int64\nclass Net")
        + "\nnet = Net(4)\n",
    )
    first = attempts_of(discovery)[0]
    assert (first["source"], first["args"], first["kwargs"]) == ("directive", ["10"], {"depth": "3"})
    assert first["literal"]
    assert first["where"] == "net.py:5"
    assert candidate(discovery, "Net")["inputs"][0]["args"] == [{"shape": [1, 16], "dtype": "int64"}]
    assert discovery.request is not None
    assert discovery.request["candidates"][0]["name"] == "Net"


def test_configured_models(tmp_path: Path) -> None:
    write(tmp_path, {"net.py": NET})
    inputs = {"args": [{"shape": [1, 2], "dtype": "float32"}], "kwargs": {}}
    entry = {"name": "Net", "args": (10,), "kwargs": {}, "inputs": inputs}
    discovery = discover(tmp_path / "net.py", Project(tmp_path), [entry])
    first = candidate(discovery, "Net")
    assert (first["attempts"][0]["source"], first["attempts"][0]["args"]) == ("config", ["10"])
    assert first["inputs"][0]["source"] == "config"


def test_an_excluded_class_with_a_directive_is_a_model(tmp_path: Path) -> None:
    code = (
        "from torch import nn\n# advisor: input=(1, 3)\nclass MyLoss(nn.Module):\n    def forward(self, a): return a\n"
    )
    assert candidate(found(tmp_path, code), "MyLoss")


@pytest.mark.parametrize("call", ["Net(self.width)", "Net(*args)", "Net(unknown(3))", "Net(width)"])
def test_calls_that_cannot_be_carried_are_left_out(tmp_path: Path, call: str) -> None:
    discovery = found(tmp_path, NET + f"\ndef use(self, width, args):\n    return {call}\n")
    assert attempts_of(discovery) == []


def test_the_request_is_json(tmp_path: Path) -> None:
    discovery = found(tmp_path, NET + "\nnet = Net(float('inf'), b'x')\n")
    assert json.loads(json.dumps(discovery.request)) == discovery.request


OWN_WAYS = """
from torch import nn
SCALES = {"tiny": 0.5}
class Net(nn.Module):
    SIZES = {"b0": (16, 2), "b1": (24, 3)}
    def __init__(self, width, depth): super().__init__()
    @classmethod
    def from_name(cls, name): return cls(*cls.SIZES[name])
    @classmethod
    def from_pretrained(cls, name="b0"): return cls.from_name(name) if name else cls(1, 2)
    @staticmethod
    def large(): return Net(64, 8)
    @classmethod
    def scaled(cls, scale): return cls(int(16 * SCALES[scale]), 2)
    @classmethod
    def of_width(cls, width): return cls(width, 2)
    @staticmethod
    def helper(): return 3
    def forward(self, x): return x
"""


def test_a_class_is_built_by_its_own_classmethods_where_they_need_nothing_unknown(tmp_path: Path) -> None:
    tried = attempts_of(found(tmp_path, OWN_WAYS))
    ways = [(a["callee"], a["args"]) for a in tried if a["source"] == "classmethod"]
    assert ways == [("Net.from_name", ["'b0'"]), ("Net.large", []), ("Net.scaled", ["'tiny'"])]


def test_weights_are_off_by_whatever_name_but_their_sharing_is_architecture(tmp_path: Path) -> None:
    discovery = found(
        tmp_path,
        """
        from torch import nn
        def net(use_imagenet_weights=True, encoder_weights="imagenet", tie_weights=True, load_weights=True):
            return nn.Sequential(nn.Conv2d(3, 4, 1))
        """,
    )
    off = {"use_imagenet_weights": "False", "encoder_weights": "None", "load_weights": "False"}
    assert attempts_of(discovery, "net")[0]["kwargs"] == off


def test_a_call_by_another_name_that_an_import_gives_counts(tmp_path: Path) -> None:
    user = "from net import Net as Model\ndef main():\n    return Model(24, depth=3)\n"
    first = attempts_of(found(tmp_path, NET, {"train.py": user}))[0]
    assert (first["source"], first["where"], first["args"], first["callee"]) == (
        "other-file",
        "train.py:3",
        ["24"],
        None,
    )
