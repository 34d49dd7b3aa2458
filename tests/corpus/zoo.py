"""Builds the zoo of networks that training and validation use.

``python -m tests.corpus.zoo [--split NAME]… [--output estimator/networks]`` traces every network of ``zoo_families`` on
meta, strips names and places and packs them by split. A family is a lineage: derivatives stand with what they derive
from (SE-ResNet and ResNeXt with ResNet, EfficientNet-Lite and TinyNet with EfficientNet), whatever library they are in,
and backbones of segmentation networks decide the family of those.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import torch

from advisor import live
from advisor.estimator.training.networks import SPLITS, Network, pack, stripped

from .zoo_families import FINAL, TEST, TRAIN
from .zoo_libraries import NAMES, load

TABLES = dict(zip(SPLITS, (TRAIN, TEST, FINAL), strict=True))
MAX_PARAMETERS = 60_000_000


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--output", type=Path, default=Path("estimator/networks"), help="folder of the zoo files")
    parser.add_argument("--split", action="append", choices=SPLITS, help="only this one (repeatable)")
    options = parser.parse_args()
    failed = 0
    for split in options.split or SPLITS:
        networks = []
        for family, specs in sorted(TABLES[split].items()):
            for spec in specs.split():
                try:
                    networks.append(build(spec, family, split))
                except Exception as e:  # one network that cannot be built is named; the others are still wanted
                    failed += 1
                    print(f"{split} {family} {spec}: {type(e).__name__}: {e}".splitlines()[0][:300], flush=True)
        data = pack(networks)
        (options.output / f"{split}.msgpack.xz").write_bytes(data)
        lineages = len({n.family for n in networks})
        print(f"{split}: {len(networks)} networks of {lineages} families, {len(data) / 1e6:.2f} MB, {failed} failed")
    return 0


def build(spec: str, family: str, split: str) -> Network:
    """The network of ``library:name[+features][@resolution]``. Raises ValueError for one that is too large."""
    library, _, rest = spec.partition(":")
    rest, _, size = rest.partition("@")
    name, _, features = rest.partition("+")
    given = (int(size), int(size)) if size else None
    model, shape = load(library, name, bool(features), given)
    count = sum(p.numel() for p in model.parameters())
    if count > MAX_PARAMETERS:
        raise ValueError(f"{count / 1e6:.0f} M parameters")
    graph, info = live.trace(model, torch.empty((1, *shape), device="meta"))
    if info.failure:
        raise ValueError(info.failure.message)
    _, height, width = shape
    title = f"{rest}@{height}" if height == width else f"{rest}@{height}x{width}"
    return Network(title, NAMES[library], family, split, stripped(graph))


if __name__ == "__main__":
    sys.exit(main())
