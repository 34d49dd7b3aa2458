"""What in a file may be a model: module classes, factories and module-level instances, read without executing it."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable
from dataclasses import dataclass

from ..graph import Span
from .constants import parameter_names, required_parameters
from .outline import Function, Import, Outline, dotted

Definition = tuple[Outline, ast.ClassDef]
Lookup = Callable[[Outline, Import], Definition | None]
"""Finds the class that an import of a file names, in another file of the project (see :mod:`.project`)."""

CONTAINERS = frozenset({"Module", "Sequential", "ModuleList", "ModuleDict", "ParameterList", "ParameterDict"})
OTHER_FRAMEWORKS = frozenset(
    {
        *("tensorflow", "tf", "keras", "megengine", "paddle", "jax", "flax", "haiku", "mxnet", "mindspore"),
        *("oneflow", "chainer", "tinygrad", "mlx", "sklearn"),
    }
)

_LIBRARY_MODELS = re.compile(
    r"torchvision\.models\.(\w+\.)*\w+"
    r"|timm\.(create_model|models\.(\w+\.)*\w+)"
    r"|segmentation_models_pytorch\.(create_model|[A-Z]\w+)"
    r"|efficientnet_pytorch\.EfficientNet(\.from_\w+)?"
    r"|pytorchcv\.(model_provider|models)\.(\w+\.)*\w+"
    r"|transformers\.\w*(Model|For[A-Z]\w+)(\.from_\w+)?"
)
"""What installed packages offer that returns a model when called."""
_NO_MODELS = re.compile(r"(list|is|get|register|load|split|download)_\w+|\w*(_Weights|Loss|Transform|Config)")
"""Names beside them that return something else."""

_MODULE_LIKE = re.compile(
    r"(Module|Model|Net|Network|Block|Layer|Sequential|Backbone|Head|Encoder|Decoder|Attention|Transformer|Conv\w*)$"
)
_LOSS = re.compile(r"(?i)(loss|criterion|penalty)(es)?(\d|_|$|[A-Z])")
_METRIC = re.compile(r"(Metric|Metrics|Accuracy|IoU|IOU|Meter|Evaluator|Perplexity|PSNR|SSIM)\d*$")
_TARGETS = frozenset({"target", "targets", "label", "labels", "gt", "y_true", "ground_truth", "gt_labels"})
_PREDICTIONS = frozenset(
    {"pred", "preds", "prediction", "predictions", "output", "outputs", "logits", "input", "inputs", "y_pred", "est"}
)
_NOT_MODULES = re.compile(r"(Function|Dataset|Loader|Sampler|Optimizer|Scheduler|Exception|Error|Enum|Config|Trainer)$")


@dataclass(frozen=True, slots=True)
class Candidate:
    """One thing that may be a model.

    ``kind``: class, factory or instance. ``builds`` is the class of this file that it is or returns, where known.
    ``root``: no class of this file uses it, and no other class derives from it. ``required``: parameters without
    default. ``excluded`` says why it is no model although it looks like one (a loss, an abstract base …), None
    otherwise.
    """

    name: str
    kind: str
    span: Span
    line: int
    end_line: int
    root: bool
    required: tuple[str, ...] = ()
    builds: str | None = None
    excluded: str | None = None
    forward: tuple[str, ...] = ()


class Classes:
    """Answers questions about the classes of one file, following bases into other files through ``lookup``."""

    def __init__(self, outline: Outline, lookup: Lookup | None = None) -> None:
        self.outline = outline
        self.lookup = lookup

    def ancestry(self, node: ast.ClassDef) -> tuple[list[Definition], list[str]]:
        """The class and its bases that could be found, nearest first, and the qualified names of the others."""
        found: list[Definition] = []
        outside: list[str] = []
        queue: list[Definition] = [(self.outline, node)]
        seen: set[int] = set()
        while queue and len(found) < 64:
            outline, current = queue.pop(0)
            if id(current) in seen:
                continue
            seen.add(id(current))
            found.append((outline, current))
            for base in current.bases:
                resolved = self._base(outline, base)
                if isinstance(resolved, str):
                    outside.append(resolved)
                elif resolved is not None:
                    queue.append(resolved)
        return found, outside

    def _base(self, outline: Outline, base: ast.expr) -> Definition | str | None:
        if isinstance(base, ast.Subscript):  # Generic[T], Base[int]
            base = base.value
        name = dotted(base)
        if name is None:
            return "?"
        if name in outline.classes:
            return outline, outline.classes[name]
        if _is_torch_module(outline.qualified(name)):
            # A file in site-packages has torch's own source beside it; what its classes are is known without reading.
            return outline.qualified(name)
        head, _, rest = name.partition(".")
        found = outline.imports.get(head)
        if found is not None and self.lookup is not None:
            wanted = (
                found if not rest else Import(_join(found.module, found.name), rest.rpartition(".")[2], found.level)
            )
            definition = self.lookup(outline, wanted)
            if definition is not None:
                return definition
        if found is None and self.lookup is not None:
            for star in outline.stars:
                definition = self.lookup(outline, Import(star.module, name, star.level))
                if definition is not None:
                    return definition
        return outline.qualified(name)

    def method(self, node: ast.ClassDef, name: str) -> Function | None:
        """``name`` as ``node`` defines or inherits it, where the source of its base could be found."""
        for _, current in self.ancestry(node)[0]:
            for statement in current.body:
                if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef) and statement.name == name:
                    return statement
        return None

    def is_module(self, node: ast.ClassDef) -> bool:
        """Whether the class derives from ``nn.Module``, as far as the source tells."""
        found, outside = self.ancestry(node)
        if any(_is_torch_module(name) for name in outside):
            return True
        unknown = [n for n in outside if not n.startswith(("torch.", "abc.", "typing.", "enum.")) and n != "object"]
        if any(n.partition(".")[0] in OTHER_FRAMEWORKS for n in unknown):
            return False
        if not unknown or any(_NOT_MODULES.search(n) for n in unknown):
            return False
        has_forward = any(_defines(current, "forward") for _, current in found)
        return has_forward or any(_MODULE_LIKE.search(n) for n in unknown)

    def exclusion(self, node: ast.ClassDef) -> str | None:
        """Why a module class is no model to analyse on its own, None when it is one."""
        found, outside = self.ancestry(node)
        if _LOSS.search(node.name) or any(_LOSS.search(n.rpartition(".")[2]) for n in outside):
            return "a loss function"
        if _METRIC.search(node.name):
            return "a metric"
        forward = self.method(node, "forward") or self.method(node, "__call__")
        inherited = all(_is_torch_module(n) and n.rpartition(".")[2] == "Module" for n in outside if n != "object")
        if forward is None:
            container = any(n.rpartition(".")[2] in CONTAINERS - {"Module", "Sequential"} for n in outside)
            if container:
                return "a container without a forward"
            return "an abstract base: it has no forward" if inherited else None
        if _is_abstract(forward):
            return "an abstract base: its forward raises NotImplementedError"
        if any(_is_abstract_method(s) for s in node.body):
            return "an abstract base: it has abstract methods"
        if any(n.endswith("LightningModule") for n in outside) and not _builds_layers(found):
            return "a training wrapper: a LightningModule without layers of its own"
        names = [n for n in parameter_names(forward) if n != "self"]
        if len(names) >= 2 and names[0] in _PREDICTIONS and names[1] in _TARGETS and not _builds_layers(found):
            return "a loss or metric: its forward compares a prediction with a target"
        return None

    def required(self, node: ast.ClassDef) -> tuple[str, ...]:
        """Constructor parameters without default, of the nearest ``__init__`` in sight (or a dataclass's fields)."""
        init = self.method(node, "__init__")
        if init is not None:
            return tuple(required_parameters(init, method=True))
        if any(
            (dotted(d.func if isinstance(d, ast.Call) else d) or "").endswith("dataclass") for d in node.decorator_list
        ):
            return tuple(
                s.target.id
                for s in node.body
                if isinstance(s, ast.AnnAssign) and s.value is None and isinstance(s.target, ast.Name)
            )
        return ()


def candidates(outline: Outline, lookup: Lookup | None = None) -> list[Candidate]:
    """Every candidate of a file in source order: classes, factories, instances."""
    classes = Classes(outline, lookup)
    modules = {name: node for name, node in outline.classes.items() if classes.is_module(node)}
    imported = {n for n, i in outline.imports.items() if _is_imported_module(outline, n, i, lookup)}
    builders = _builders(outline, set(modules), imported)
    instances = _instances(outline, set(modules), imported, builders)
    out = [_class(outline, classes, node) for node in modules.values()]
    out += [_factory(outline, outline.functions[name], builds) for name, builds in builders.items()]
    out += instances
    return sorted(out, key=lambda c: (c.line, c.name))


def _class(outline: Outline, classes: Classes, node: ast.ClassDef) -> Candidate:
    users = outline.mentions.get(node.name, set()) - {node.name}
    forward = classes.method(node, "forward")
    return Candidate(
        name=node.name,
        kind="class",
        span=outline.source.definition(node),
        line=_first_line(node),
        end_line=node.end_lineno or node.lineno,
        root=not users,
        required=classes.required(node),
        builds=node.name,
        excluded=classes.exclusion(node),
        forward=tuple(n for n in parameter_names(forward) if n != "self") if forward is not None else (),
    )


def _factory(outline: Outline, node: Function, builds: str | None) -> Candidate:
    return Candidate(
        name=node.name,
        kind="factory",
        span=outline.source.definition(node),
        line=_first_line(node),
        end_line=node.end_lineno or node.lineno,
        root=not (outline.mentions.get(node.name, set())),
        required=tuple(required_parameters(node, method=False)),
        builds=builds,
        excluded=_factory_exclusion(node, builds),
    )


def _factory_exclusion(node: Function, builds: str | None) -> str | None:
    if _LOSS.search(node.name) or (builds is not None and _LOSS.search(builds)):
        return "builds a loss function"
    return None


def _first_line(node: ast.ClassDef | Function) -> int:
    return min([node.lineno, *(d.lineno for d in node.decorator_list)])


# ---- factories


def _builders(outline: Outline, modules: set[str], imported: set[str]) -> dict[str, str | None]:
    """Functions that return a module → the class of the file that they build, where one is named.

    A fixed point: a function returning what another factory returns is one too. Functions that take a built module
    and return it changed (``def freeze(model): … return model``) are none.
    """
    found: dict[str, str | None] = {}
    for _ in range(6):
        before = len(found)
        for name, node in outline.functions.items():
            if name not in found and not name.startswith("test"):
                built = _returned_module(outline, node, modules, imported, found)
                if built is not None:
                    found[name] = built or None
        if len(found) == before:
            break
    return found


def _returned_module(
    outline: Outline, node: Function, modules: set[str], imported: set[str], factories: dict[str, str | None]
) -> str | None:
    """The class that ``node`` returns an instance of: "" when it is one of another file, None when it returns none."""
    assigned: dict[str, ast.expr] = {}
    for child in _own_nodes(node):
        if isinstance(child, ast.Assign | ast.AnnAssign) and child.value is not None:
            target = child.targets[0] if isinstance(child, ast.Assign) else child.target
            if isinstance(target, ast.Name) and not _refers(child.value, target.id):
                assigned.setdefault(target.id, child.value)
    for child in _own_nodes(node):
        if not isinstance(child, ast.Return) or child.value is None:
            continue
        value = child.value
        for _ in range(4):  # model = Net(); net = model; return net.eval()
            if isinstance(value, ast.Name) and value.id in assigned:
                value = assigned[value.id]
            elif (
                isinstance(value, ast.Call)
                and isinstance(value.func, ast.Attribute)
                and value.func.attr in ("to", "cuda", "eval", "train", "cpu", "half", "float", "double")
            ):
                value = value.func.value
            else:
                break
        built = _built(outline, value, modules, imported, factories)
        if built is not None:
            return built
    returns = dotted(node.returns) if node.returns is not None else None
    if returns is not None and (
        returns in modules or outline.qualified(returns) in ("torch.nn.Module", "torch.nn.Sequential")
    ):
        took = {p.arg for p in (*node.args.posonlyargs, *node.args.args) if _annotated_module(outline, p, modules)}
        return None if took else returns if returns in modules else ""
    return None


def _built(
    outline: Outline, value: ast.expr, modules: set[str], imported: set[str], factories: dict[str, str | None]
) -> str | None:
    if isinstance(value, ast.IfExp):
        return _built(outline, value.body, modules, imported, factories)
    if not isinstance(value, ast.Call):
        return None
    callee = dotted(value.func)
    if callee is None:
        return None
    head, _, tail = callee.partition(".")
    if callee in modules or (head in modules and tail.startswith(("from_", "build", "create", "make"))):
        return head
    if callee in factories:
        named = [a.id for a in value.args if isinstance(a, ast.Name) and a.id in modules]
        return factories[callee] or (named[0] if named else "")
    if _is_torch_module(outline.qualified(callee)) or callee in imported or _is_library_model(outline, callee):
        return ""
    # Helper builders that take the class: _create("resnet18", ResNet, **kwargs), build_model_with_cfg(ResNet, …).
    for argument in value.args:
        if (
            isinstance(argument, ast.Name)
            and argument.id in modules
            and re.match(r"_?(create|build|make|get|load)", callee.rpartition(".")[2])
        ):
            return argument.id
    return None


def _is_library_model(outline: Outline, callee: str) -> bool:
    """Whether ``callee`` is what an installed package offers for building a model."""
    if callee.partition(".")[0] not in outline.imports:
        return False
    full = outline.qualified(callee)
    is_known = _LIBRARY_MODELS.fullmatch(full) is not None
    return is_known and _NO_MODELS.fullmatch(full.rpartition(".")[2]) is None


def _own_nodes(node: Function) -> list[ast.AST]:
    """Every node of the function but those of functions and classes nested in it."""
    out: list[ast.AST] = []
    stack: list[ast.AST] = list(reversed(node.body))
    while stack:
        current = stack.pop()
        out.append(current)
        if not isinstance(current, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            stack.extend(reversed(list(ast.iter_child_nodes(current))))
    return out


def _refers(node: ast.AST, name: str) -> bool:
    return any(isinstance(c, ast.Name) and c.id == name for c in ast.walk(node))


def _annotated_module(outline: Outline, parameter: ast.arg, modules: set[str]) -> bool:
    name = dotted(parameter.annotation) if parameter.annotation is not None else None
    return name is not None and (name in modules or outline.qualified(name) == "torch.nn.Module")


def _is_imported_module(outline: Outline, name: str, imported: Import, lookup: Lookup | None) -> bool:
    """Whether an imported name is a module class: by its definition in the project, else by how it looks."""
    if imported.name is None or not name[:1].isupper():
        return False
    definition = lookup(outline, imported) if lookup is not None else None
    if definition is not None:
        return Classes(definition[0], lookup).is_module(definition[1])
    known = outline.qualified(name).partition(".")[0]
    return bool(_MODULE_LIKE.search(name)) and known not in OTHER_FRAMEWORKS


# ---- instances


def _instances(
    outline: Outline, modules: set[str], imported: set[str], factories: dict[str, str | None]
) -> list[Candidate]:
    """Module-level ``name = Net(...)``, outside the main guard (importing the file builds it)."""
    out = []
    for name, bindings in outline.module.bindings.items():
        last = bindings[-1]
        if last.kind != "assign" or not isinstance(last.value, ast.Call):
            continue
        callee = dotted(last.value.func)
        if callee is None:
            continue
        full = outline.qualified(callee)
        is_network = full == "torch.nn.Sequential" or _is_library_model(outline, callee)
        if not (callee in modules or callee in imported or callee in factories or is_network):
            continue
        span = outline.source.span(last.statement)
        out.append(
            Candidate(
                name=name,
                kind="instance",
                span=Span(span.file, span.line, span.column, span.line, span.column + len(name)),
                line=span.line,
                end_line=span.end_line,
                root=not (outline.mentions.get(name, set())),
                builds=callee if callee in modules else factories.get(callee),
            )
        )
    return out


# ---- facts about classes


def _is_torch_module(name: str) -> bool:
    if not name.startswith("torch.nn.") or name.startswith("torch.nn.functional"):
        return False
    last = name.rpartition(".")[2]
    return last[:1].isupper() and last not in ("Parameter", "UninitializedParameter") and not last.endswith("Loss")


def _join(module: str, name: str | None) -> str:
    return module if name is None else f"{module}.{name}" if module else name


def _defines(node: ast.ClassDef, method: str) -> bool:
    return any(isinstance(s, ast.FunctionDef | ast.AsyncFunctionDef) and s.name == method for s in node.body)


def _is_abstract(function: Function) -> bool:
    body = [s for s in function.body if not (isinstance(s, ast.Expr) and isinstance(s.value, ast.Constant))]
    if _is_abstract_method(function) or not body or all(isinstance(s, ast.Pass) for s in body):
        return True
    raised = body[0].exc if len(body) == 1 and isinstance(body[0], ast.Raise) else None
    name = dotted(raised.func if isinstance(raised, ast.Call) else raised) if raised is not None else None
    return name in ("NotImplementedError", "NotImplemented")


def _is_abstract_method(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef) and any(
        (dotted(d) or "").endswith("abstractmethod") for d in statement.decorator_list
    )


def _builds_layers(found: list[Definition]) -> bool:
    """Whether any of the classes creates a layer: what tells a network from a loss or a wrapper."""
    for outline, node in found:
        for child in ast.walk(node):
            if isinstance(child, ast.Call):
                name = outline.qualified(dotted(child.func) or "")
                if name.startswith("torch.nn.") and name.endswith(
                    ("Conv1d", "Conv2d", "Conv3d", "Linear", "Embedding")
                ):
                    return True
    return False
