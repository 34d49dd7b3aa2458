"""Where findings stand once a model's numbers are known; without them, see ``test_advise.py``."""

from __future__ import annotations

from advisor.advice.places import Sources, literal, origin, place
from advisor.graph import Graph, Module, Span
from advisor.moves import SetWidth
from advisor.numbers import Literal, Numbers, Step
from advisor.rule import Advice
from tests.graphs import GraphBuilder

FILE = "net.py"
ROW, CONV, BLOCK = Span(FILE, 5, 14, 5, 16), Span("blocks.py", 3, 9, 3, 60), Span(FILE, 20, 9, 20, 40)
NET = Span(FILE, 40, 5, 40, 10)


def model(*literals: Literal, created: tuple[Span, ...] = (CONV, BLOCK, NET)) -> Graph:
    """A chain of convolutions, each as wide as its literal says."""
    b = GraphBuilder()
    x = b.input((1, 8, 8, 8))
    for n, written in enumerate(literals):
        x = b.conv(x, int(written.value), 3, path=f"conv{n}")
    graph = b.build(x)
    for path in list(graph.modules):
        graph.modules[path] = Module(path, "torch.nn.Conv2d", created)
    steps = [Step("literal", written.value, (n,)) for n, written in enumerate(literals)]
    graph.numbers = Numbers(literals, tuple(steps), {f"conv{n}": {"out_channels": n} for n in range(len(literals))})
    return graph


def about(key: int, width: int | None) -> Advice:
    return Advice(key, [SetWidth(key, 64)], lambda _: "", layers=(key,), number=width)


def test_advice_about_a_width_stands_on_its_literal_and_leads_to_the_layer():
    graph, sources = model(Literal(ROW, 60)), Sources(FILE)
    assert literal(graph, about(0, 60), sources) == ROW
    assert origin(graph, about(0, 60), sources) == (ROW,)
    here, way = place(graph, about(0, 60), sources)
    assert here == ROW
    assert [(r.span, r.message) for r in way] == [
        (NET, "on its way to the layer"),
        (BLOCK, "on its way to the layer"),
        (CONV, "the layer is created here"),
    ]


def test_what_calls_the_call_that_writes_the_number_comes_after_its_way():
    written = Span(FILE, 20, 20, 20, 22)
    here, way = place(model(Literal(written, 60)), about(0, 60), Sources(FILE))
    assert here == written
    assert [(r.span, r.message) for r in way] == [
        (BLOCK, "on its way to the layer"),
        (CONV, "the layer is created here"),
        (NET, "called from here"),
    ]


def test_a_layer_whose_creation_nobody_saw_leads_nowhere():
    assert place(model(Literal(ROW, 60), created=()), about(0, 60), Sources(FILE)) == (ROW, ())


def test_advice_about_anything_else_stands_where_it_did():
    graph, sources = model(Literal(ROW, 60)), Sources(FILE)
    assert literal(graph, about(0, None), sources) is None
    assert place(graph, about(0, None), sources)[0] == BLOCK


def test_a_literal_of_a_library_is_not_where_a_finding_stands():
    library = "/env/lib/site-packages/lib/table.py"
    graph = model(Literal(Span(library, 5, 14, 5, 16), 60))
    assert origin(graph, about(0, 60), Sources(FILE)) == (CONV, BLOCK, NET)
    assert origin(graph, about(0, 60), Sources(library)) == (Span(library, 5, 14, 5, 16),)


def test_layers_of_one_literal_share_their_place_and_others_do_not():
    other = Span(FILE, 6, 14, 6, 16)
    graph, sources = model(Literal(ROW, 60), Literal(ROW, 60), Literal(other, 60)), Sources(FILE)
    first, second, third = (origin(graph, about(key, 60), sources) for key in range(3))
    assert first == second != third
