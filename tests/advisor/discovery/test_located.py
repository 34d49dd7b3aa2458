"""Numbers of constructor attempts know where they stand."""

from __future__ import annotations

import ast
import json
from pathlib import Path

from advisor.discovery.located import constants, joined, literal, placed, unparsed, written
from advisor.discovery.source import Source, parse
from advisor.graph import Span

from .helpers import candidate, found

NET = """\
from torch import nn
class Net(nn.Module):
    def __init__(self, width, depths=(1, 2), name=""): super().__init__()
    def forward(self, x): return x
"""


def told(folder: Path, text: str, others: dict[str, str] | None = None, source: str = "call-site") -> dict[str, str]:
    """Each text of the first attempt of ``source`` with what stands in the files at its places, None for nothing."""
    discovery = found(folder, text, others)
    assert json.loads(json.dumps(discovery.request)) == json.loads(json.dumps(discovery.request, default=str))
    attempt = next(a for a in candidate(discovery, "Net")["attempts"] if a["source"] == source)
    places = attempt["places"]
    named = {**{f"{n}": a for n, a in enumerate(attempt["args"])}, **attempt["kwargs"]}
    sites = {**{f"{n}": s for n, s in enumerate(places["args"])}, **places["kwargs"]}
    shown = {f"{k}={named[k]}": " ".join(map(read, s)) for k, s in sites.items()}
    return {**shown, **{t: " ".join(map(read, s)) for t, s in zip(attempt["setup"], places["setup"], strict=True)}}


def read(site: tuple[str, int, int, int, int] | None) -> str:
    if site is None:
        return "-"
    file, line, column, end_line, end_column = site
    assert line == end_line
    return Path(file).read_text(encoding="utf-8").split("\n")[line - 1][column - 1 : end_column - 1]


def test_a_call_site_gives_its_constants_their_places(tmp_path: Path):
    text = NET + 'WIDTH = 60\nnet = "é", Net(WIDTH, depths=[3, 4 + 1, -2], name="s4")\n'
    assert told(tmp_path, text) == {"0=60": "60", "depths=[3, 5, -2]": "3 - -", "name='s4'": '"s4"'}


def test_values_of_a_table_are_placed_in_the_table(tmp_path: Path):
    text = NET + 'SIZES = {"small": {"width": 24, 7: [8, 9]}}\nnet = Net(SIZES["small"]["width"], SIZES["small"][7])\n'
    assert told(tmp_path, text) == {"0=24": "24", "1=[8, 9]": "8 9"}


def test_a_setup_has_places_too(tmp_path: Path):
    text = (
        NET
        + "def train():\n    cfg = dict(width=60)\n    cfg['depths'] = make(5)\n    return Net(**cfg)\nmake = range\n"
    )
    shown = told(tmp_path, text)
    assert shown["cfg = {'width': 60}"] == "- 60"
    assert shown["cfg['depths'] = make(5)"] == "'depths' 5"


def test_flags_of_a_command_line_are_placed_at_their_defaults(tmp_path: Path):
    train = """\
    import argparse
    from net import Net
    parser = argparse.ArgumentParser()
    parser.add_argument("--width", default=48)
    args = parser.parse_args()
    net = Net(args.width)
    """
    assert told(tmp_path, NET, {"train.py": train}, "other-file") == {"0=48": "48"}


CONFIGURED = """\
from torch import nn
class Net(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.a = nn.Linear(config{read}, 10)
    def forward(self, x): return x
"""


def test_settings_that_no_call_gives_are_placed_where_they_stand(tmp_path: Path):
    text = CONFIGURED.format(read="['width']") + "SIZES = {'small': dict(width=60)}\n"
    assert told(tmp_path, text, source="config-object") == {"config={'width': 60}": "- 60"}


def test_so_are_the_defaults_of_a_command_line(tmp_path: Path):
    flags = """\
    import argparse
    from net import Net
    parser = argparse.ArgumentParser()
    parser.add_argument("--width", default=48)
    net = Net(parser.parse_args())
    """
    shown = told(tmp_path, CONFIGURED.format(read=".width"), {"train.py": flags}, "config-object")
    assert shown == {"config=__import__('argparse').Namespace(width=48)": "- 48"}


def test_values_by_name_are_placed_too(tmp_path: Path):
    text = NET.replace(', depths=(1, 2), name=""', "") + "WIDTH = 60\n"
    assert told(tmp_path, text, source="same-name") == {"width=60": "60"}


def test_a_comment_gives_its_numbers_their_places(tmp_path: Path):
    text = NET.replace("class Net", "# é advisor:\n# advisor:  args=(60, [ 1, -2]) kwargs={'name': 's4'}\nclass Net")
    shown = told(tmp_path, text, source="directive")
    assert shown == {"0=60": "60", "1=[1, -2]": "1 -", "name='s4'": "'s4'"}


def test_a_parents_call_keeps_its_places(tmp_path: Path):
    other = """\
    from torch import nn
    from net import Net
    class Whole(nn.Module):
        def __init__(self, width):
            super().__init__()
            self.net = Net([width + n for n in range(2)], make(width))
        def forward(self, x): return x
    def make(width): return width
    whole = Whole(width=72)
    """
    shown = told(tmp_path, NET, {"whole.py": other}, "parent")
    assert list(shown.values())[-1] == "72 -" and "Whole(width=72)" in list(shown)[-1]


def test_text_that_stands_elsewhere_line_by_line_has_no_places(tmp_path: Path):
    readme = "# Net\n```python\nfrom net import Net\nnet = Net(60)\n```\n"
    discovery = found(tmp_path, NET, {"README.md": readme})
    attempt = next(a for a in candidate(discovery, "Net")["attempts"] if a["source"] == "readme")
    assert attempt["args"] == ["60"] and "places" not in attempt


def test_texts_keep_the_order_of_their_constants():
    source = parse(Path("x.py"), "f(1, 'a', g=[2.5, True, None, f'{3}'])")
    assert isinstance(source, Source)
    text = unparsed(source.tree.body[0], source.span)
    assert [s and s.column for s in text.sites] == [3, 6, 14]
    whole = joined("x = ", text, " + ", written([1, "b"]))
    assert [s and s.column for s in whole.sites] == [3, 6, 14, None, None]
    assert [c.value for c in constants(ast.parse(whole))] == [1, "a", 2.5, 1, "b"]


def test_a_text_whose_order_unparsing_changes_has_no_places():
    source = parse(Path("x.py"), "f(k=1, *[2])")
    assert isinstance(source, Source)
    assert unparsed(source.tree.body[0], source.span).sites == ()


def test_a_literal_is_what_literal_eval_makes_of_it():
    value = literal("{'é': (1, -2.5, True)}", "x.py", 7, 10)
    assert value == {"é": (1, -2.5, True)}
    one = value["é"][0]
    assert one.site == Span("x.py", 7, 17, 7, 18)
    assert placed(True, one.site) is True
