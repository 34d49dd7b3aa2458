"""Which classes of a file are modules, and which of these are models: told from their bases and bodies, unrun."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable

from .constants import parameter_names, required_parameters
from .outline import Function, Import, Outline, dotted
from .published import is_published_class

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

_MODULE_LIKE = re.compile(
    r"(Module|Model|Net|Network|Block|Layer|Sequential|Backbone|Head|Encoder|Decoder|Attention|Transformer|Conv\w*)$"
)
LOSS = re.compile(r"(?i)(loss|criterion|penalty)(es)?(\d|_|$|[A-Z])")
_METRIC = re.compile(r"(Metric|Metrics|Accuracy|IoU|IOU|Meter|Evaluator|Perplexity|PSNR|SSIM)\d*$")
_TARGETS = frozenset({"target", "targets", "label", "labels", "gt", "y_true", "ground_truth", "gt_labels"})
_PREDICTIONS = frozenset(
    {"pred", "preds", "prediction", "predictions", "output", "outputs", "logits", "input", "inputs", "y_pred", "est"}
)
_NOT_MODULES = re.compile(r"(Function|Dataset|Loader|Sampler|Optimizer|Scheduler|Exception|Error|Enum|Config|Trainer)$")


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
        if is_torch_module(outline.qualified(name)):
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
        if any(is_torch_module(name) or is_published_class(name) for name in outside):
            return True
        unknown = [n for n in outside if not n.startswith(("torch.", "abc.", "typing.", "enum.")) and n != "object"]
        if any(n.partition(".")[0] in OTHER_FRAMEWORKS for n in unknown):
            return False
        if not unknown or any(_NOT_MODULES.search(n) for n in unknown):
            return False
        has_forward = any(_defines(current, "forward") for _, current in found)
        return has_forward or _keeps_layers(found) or any(_MODULE_LIKE.search(n) for n in unknown)

    def exclusion(self, node: ast.ClassDef) -> str | None:
        """Why a module class is no model to analyse on its own, None when it is one."""
        found, outside = self.ancestry(node)
        if LOSS.search(node.name) or any(LOSS.search(n.rpartition(".")[2]) for n in outside):
            return "a loss function"
        if _METRIC.search(node.name):
            return "a metric"
        forward = self.method(node, "forward") or self.method(node, "__call__")
        inherited = all(is_torch_module(n) and n.rpartition(".")[2] == "Module" for n in outside if n != "object")
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


def is_torch_module(name: str) -> bool:
    if not name.startswith("torch.nn.") or name.startswith("torch.nn.functional"):
        return False
    last = name.rpartition(".")[2]
    return last[:1].isupper() and last not in ("Parameter", "UninitializedParameter") and not last.endswith("Loss")


def is_imported_module(outline: Outline, name: str, imported: Import, lookup: Lookup | None) -> bool:
    """Whether an imported name is a module class: by its definition in the project, else by how it looks."""
    if imported.name is None or not name[:1].isupper():
        return False
    definition = lookup(outline, imported) if lookup is not None else None
    if definition is not None:
        return Classes(definition[0], lookup).is_module(definition[1])
    known = outline.qualified(name).partition(".")[0]
    return bool(_MODULE_LIKE.search(name)) and known not in OTHER_FRAMEWORKS


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


def _keeps_layers(found: list[Definition]) -> bool:
    """Whether a constructor of the classes makes torch's layers attributes: what tells a network by a base that cannot
    be read, and has the ``forward``."""
    return any(
        _keeps_layer(outline, child)
        for outline, node in found
        for statement in node.body
        if isinstance(statement, ast.FunctionDef) and statement.name == "__init__"
        for child in ast.walk(statement)
    )


def _keeps_layer(outline: Outline, node: ast.AST) -> bool:
    """Whether it is ``self.name = nn.Layer(…)``."""
    if not isinstance(node, ast.Assign) or not isinstance(node.value, ast.Call):
        return False
    kept = (dotted(node.targets[0]) or "").startswith("self.")
    return kept and is_torch_module(outline.qualified(dotted(node.value.func) or ""))


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
