"""Holds models with migrated weights against the models that the weights are from.

    python -m tests.corpus.verify_migration [--models NAME ...] [--table docs/verify-migration.md]

Networks of timm get random weights and BatchNorm statistics, their channel groups are widened on the live module, and
the outputs of both are compared for seeded inputs. A small network that was trained on scikit-learn's digits is
narrowed and trained for one epoch at most. Exit code 1 when an output differs by more than rounding though the
migration says that it is exact, or accuracy falls by more than two points.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from advisor import live, migrate_state_dict
from advisor.channels import analyse
from advisor.graph import Graph
from advisor.migration.outcome import Outcome
from advisor.moves import Move, MoveError, SetWidth
from advisor.moves.live import surgery_plan
from advisor.worker import surgery
from advisor.worker.load.torchvision_ops import install
from tests.corpus.migration_digits import Narrowed, narrowed
from tests.corpus.migration_rewrites import REWRITES

MODELS = (
    *("resnet18", "resnext50_32x4d", "seresnet18", "regnetx_002", "gernet_s", "darknet53", "dla34", "hrnet_w18_small"),
    *("densenet121", "ese_vovnet19b_dw", "selecsls42b", "repvgg_a0", "repghostnet_050", "inception_v3"),
    *("mobilenetv2_100", "mobilenetv3_small_100", "mnasnet_100", "fbnetc_100", "hardcorenas_a", "efficientnet_b0"),
    *("tf_efficientnetv2_b0", "convnext_atto", "swin_tiny_patch4_window7_224", "mixer_s32_224"),
)
BUILT: tuple[tuple[str, dict[str, Any], dict[str, Any]], ...] = (
    ("vit_tiny_patch16_224", {"depth": 4}, {"mlp_ratio": 5}),
    ("vit_tiny_patch16_224", {"depth": 4}, {"embed_dim": 384, "num_heads": 6}),
    ("vit_tiny_patch16_224", {"depth": 4}, {"embed_dim": 384, "num_heads": 3}),
    ("vit_tiny_patch16_224", {"depth": 4}, {"embed_dim": 256, "num_heads": 4}),
    ("convnext_atto", {}, {"dims": (80, 160, 320, 640)}),
    ("resnet26", {}, {"base_width": 80}),
    ("resnet26", {}, {"stem_width": 48}),
    ("densenet121", {}, {"growth_rate": 40}),
)
"""Networks with arguments of their constructor, and others that make them wider."""
SIZE = 224
LARGEST = 1e-5
POINTS = 2.0


@dataclass(frozen=True)
class Widened:
    """One network: how many groups were widened, what the migration says, and the outputs' largest difference in single
    and in double precision: only the latter tells a wrong weight from rounding."""

    model: str
    how: str
    groups: int
    outcome: Outcome
    difference: float
    in_double: float
    largest: float

    @property
    def wrong(self) -> bool:
        """It says that the function is kept, and it is not."""
        return self.outcome.exact and self.in_double > LARGEST

    @property
    def reasons(self) -> list[str]:
        return list(
            dict.fromkeys(why for layer in self.outcome.layers if not layer.exact for why in layer.why.split("; "))
        )


def settled(model: nn.Module, shape: tuple[int, ...], seed: int) -> nn.Module:
    """``model`` in eval mode with random BatchNorm scales, and statistics near those of what it computes, so that
    numbers neither vanish nor grow from layer to layer."""
    generator = torch.Generator().manual_seed(seed)
    norms = [m for m in model.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)]

    def drawn(like: torch.Tensor, low: float, high: float) -> torch.Tensor:
        return torch.rand(like.shape, generator=generator) * (high - low) + low

    for norm in norms:
        norm.momentum = 1.0
        if norm.affine:
            norm.weight.data = drawn(norm.weight, 0.5, 1.5)
            norm.bias.data = drawn(norm.bias, -0.3, 0.3)
    for parameter in model.parameters():  # what begins at zero (biases, some heads) would hide differences
        if not parameter.any():
            parameter.data = drawn(parameter, -0.05, 0.05)
    model.train()
    model(torch.randn((4, *shape[1:]), generator=generator))
    for norm in norms:
        if norm.running_mean is not None and norm.running_var is not None:
            norm.running_mean += norm.running_var.sqrt() * drawn(norm.running_mean, -0.3, 0.3)
            norm.running_var *= drawn(norm.running_var, 0.7, 1.4)
    return model.eval()


def widened_graph(graph: Graph, width: Callable[[int, int], int]) -> tuple[Graph, int]:
    """The graph with every group widened that can be; ``width`` gives the width of one of (width, multiple)."""
    moved, done = graph, 0
    for key in [group.key for group in analyse(graph).groups]:
        group = analyse(moved).group(key)
        if group is None or group.pinned:
            continue
        try:
            moved = SetWidth(key, width(group.width, group.multiple)).apply(moved)
            done += 1
        except MoveError:
            continue  # a refusal is no widening
    return moved, done


def a_tenth(width: int, multiple: int) -> int:
    return (-(-width // (10 * multiple)) + width // multiple) * multiple


def twice(width: int, multiple: int) -> int:
    return 2 * width


def check(name: str, how: Callable[[int, int], int], seed: int = 0) -> Widened:
    """One network, widened, migrated and compared. Raises what surgery and tracing raise."""
    import timm

    shape = (1, 3, SIZE, SIZE)
    torch.manual_seed(seed)
    model = settled(timm.create_model(name), shape, seed)
    graph, _ = live.trace(model, shape)
    moved, groups = widened_graph(graph, how)
    new = surgery.apply(model, surgery_plan(graph, moved)).eval()
    for parameter in new.parameters():  # what the new model starts with: surgery leaves zeros
        if not parameter.any():
            parameter.data.normal_(0, 0.02)
    return compared(name, how.__name__.replace("_", " "), groups, model, new, seed)


def rebuilt(name: str, before: Mapping[str, Any], after: Mapping[str, Any], seed: int = 0) -> Widened:
    """One network that its library builds wider."""
    import timm

    shape = (1, 3, SIZE, SIZE)
    torch.manual_seed(seed)
    old, new = (settled(timm.create_model(name, **{**before, **more}), shape, seed) for more in ({}, after))
    how = ", ".join(f"{key} {value}" for key, value in after.items())
    return compared(name, how, 0, old, new, seed)


def compared(name: str, how: str, groups: int, model: nn.Module, new: nn.Module, seed: int) -> Widened:
    """The weights of ``model`` carried to ``new``, and both run on the same input."""
    shape = (1, 3, SIZE, SIZE)
    done = migrate_state_dict(model.state_dict(), model, new, shape)
    new.load_state_dict(done.state)
    x = torch.randn(shape, generator=torch.Generator().manual_seed(seed + 1))
    before, after = model(x), new(x)
    largest, difference = float(before.abs().max()), float((before - after).abs().max())
    exact = float((model.double()(x.double()) - new.double()(x.double())).abs().max())
    return Widened(name, how, groups, done.outcome, difference, exact, largest)


@dataclass(frozen=True)
class Rewritten:
    """A change of structure: what the migration says of the first layer that it changed, and what the outputs say."""

    title: str
    outcome: Outcome
    difference: float

    @property
    def wrong(self) -> bool:
        return self.outcome.exact and self.difference > LARGEST


def rewrite(
    title: str, model: nn.Module, shape: tuple[int, ...], moves: Sequence[Callable[[Graph], Move]]
) -> Rewritten:
    """Moves carried out on a live module, its weights migrated; the difference is relative to the largest output."""
    model = settled(model, shape, 0)
    graph, _ = live.trace(model, shape)
    moved = graph
    for move in moves:
        moved = move(moved).apply(moved)
    new = surgery.apply(model, surgery_plan(graph, moved)).eval()
    done = migrate_state_dict(model.state_dict(), model, new, shape)
    new.load_state_dict(done.state)
    x = torch.randn(shape, generator=torch.Generator().manual_seed(1))
    before, after = model(x), new(x)
    return Rewritten(title, done.outcome, float((before - after).abs().max() / before.abs().max()))


# ---- the page


def table(widths: Sequence[Widened], rewrites: Sequence[Rewritten], digits: Sequence[Narrowed], seconds: float) -> str:
    exact = [w for w in widths if w.outcome.exact]
    wrong = [w for w in widths if w.wrong]
    rounded, names = sum(w.difference > LARGEST for w in exact), len({w.model for w in exact})
    lines = [
        "# Migrated weights against the weights they are from",
        "",
        "Written by `make verify-migration` (`tests/corpus/verify_migration.py`). Networks of timm with random weights "
        "and BatchNorm statistics are built wider by their library's constructor, or every channel group that may "
        "change is widened on the live module (*a tenth*, *twice*; *groups* says how many). The state dict is migrated "
        "by `advisor.migrate_state_dict`, and the outputs of both networks are compared for a seeded input "
        f"in single and in double precision. {len(exact)} of {len(widths)} migrations, of {names} networks, say that "
        f"the function is kept. {len(wrong)} of these differ by more than {LARGEST:g} in double precision, {rounded} "
        "in single precision, by rounding.",
        "",
        "| network | widened by | groups | function | largest difference | in double | largest output "
        "| why not exact |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for w in widths:
        why = "; ".join(w.reasons[:2]) + (f" and {len(w.reasons) - 2} more" if len(w.reasons) > 2 else "")
        kept = "kept" if w.outcome.exact else "changes"
        differences = (f"{w.difference:.1e}", f"{w.in_double:.1e}", f"{w.largest:.2g}")
        cells = (w.model, w.how, w.groups or "", kept, *differences, why)
        lines.append(f"| {' | '.join(map(str, cells))} |")
    lines += [
        "",
        "Zero padding is exact unless something but convolutions and linears mixes channels: a normalisation over "
        "channels does. Where each channel is repeated equally often (*twice*) that is exact too.",
        "",
        "## Changes of structure",
        "",
        "| change | what was done | function | relative error of the layer | relative difference of the outputs |",
        "|---|---|---|---|---|",
    ]
    for r in rewrites:
        first = next(iter(r.outcome.changed))
        error = "" if first.error is None else f"{first.error:.2g}"
        kept = "kept" if r.outcome.exact else "changes"
        lines.append(f"| {r.title} | {first.layer}: {first.what} | {kept} | {error} | {r.difference:.1e} |")
    lines += [
        "",
        "A fused convolution is the least-squares fit for normal inputs; random weights are its worst case.",
        "",
        "## Narrowing",
        "",
        "A convolutional network of 4 layers, trained on 1,347 of scikit-learn's digits, tested on the other 450. "
        "Channels are kept by the norm of their group, or drawn at random for comparison; then one epoch of training.",
        "",
        "| width | accuracy before | narrowed | after one epoch | random channels | after one epoch |",
        "|---|---|---|---|---|---|",
    ]
    for n in digits:
        cells = (n.width, n.before, n.narrowed, n.trained, n.random, n.random_trained)
        lines.append("| " + " | ".join(str(c) if isinstance(c, str) else f"{c:.1f} %" for c in cells) + " |")
    return "\n".join([*lines, "", f"Took {seconds:.0f} s."]) + "\n"


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", nargs="+", default=MODELS, help="networks of timm to widen by a tenth")
    parser.add_argument("--table", type=Path, help="write the page there")
    args = parser.parse_args(argv)
    started = time.monotonic()
    with torch.no_grad():
        widths = [rebuilt(*built) for built in BUILT]
        for name in args.models:
            widths.append(check(name, a_tenth))
            print(f"{name}: {widths[-1].difference:.1e}", file=sys.stderr, flush=True)
            if not widths[-1].outcome.exact:
                widths.append(check(name, twice))
        rewrites = [rewrite(title, model(), shape, moves) for title, model, shape, moves in REWRITES]
    digits = narrowed()
    text = table(widths, rewrites, digits, time.monotonic() - started)
    print(text)
    if args.table is not None:
        args.table.write_text(text, encoding="utf-8")
    failed = any(x.wrong for x in (*widths, *rewrites)) or any(n.before - n.trained > POINTS for n in digits)
    return 1 if failed else 0


if __name__ == "__main__":
    install()
    sys.exit(main())
