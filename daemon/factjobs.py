"""Jobs about what there is: rules, targets, settings, the installation; and reports put together of what is known."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from advisor import engine, packs, record, rulepages
from advisor.config import resolve
from advisor.doctor import examine
from advisor.report import Report
from advisor.reports import render as rendered
from advisor.targets import TargetError, available, load
from advisor.words import suggestion

from .job import Job, Method
from .jobparams import ParamsError


def explain(job: Job) -> Any:
    wanted, known = job.params.text("code").strip(), packs.pages()
    page = next((p for p in known if wanted.upper() == p.code or wanted.lower() == p.name), None)
    if page is None:
        raise ParamsError(f"no code '{wanted}'{suggestion(wanted.upper(), [p.code for p in known])}")
    return {"code": page.code, "markdown": rulepages.page(page)}


def rules(job: Job) -> Any:
    return {"rules": [{"code": p.code, "name": p.name, "summary": p.summary} for p in packs.pages()]}


def targets(job: Job) -> Any:
    """The targets that the settings of ``path`` (by default of ``cwd``) know. ``setting`` is what the setting
    ``targets`` calls one, its name or its file; ``chosen`` is that setting."""
    params = job.params
    start = params.cwd or Path("/")
    config = resolve(params.path if params.has("path") else start, params.overrides, start, params.origin)
    folders = config.target_dirs
    names = available(folders, config.where("target-dirs"))
    found = [(name, load(name, folders)) for name in names]
    for file in config.targets:
        if file not in names:
            with suppress(TargetError):  # what is wrong with it is said of every file that is costed for it
                found.append((file, load(file, folders)))
    return {
        "targets": [
            {"name": t.name, "dtype": t.dtype, "description": t.description, "setting": setting} for setting, t in found
        ],
        "chosen": list(config.targets),
    }


def doctor(job: Job) -> Any:
    """What a bug report needs, about ``path``."""
    params = job.params
    environment = os.environ if params.environment is None else params.environment
    return examine(params.path, environment, params.overrides, params.cwd, params.origin, run=params.run)


def planned(job: Job) -> Any:
    params = job.params
    found = engine.planned(params.paths("paths"), params.overrides, params.cwd, params.origin)
    files = [str(file) for file in found.files]
    return {"files": files, "root": found.root, "targets": list(found.targets), "jobs": found.jobs}


def render(job: Job) -> Any:
    files = [record.unpack(blob) for blob in job.params.blobs("records")]
    report = Report(job.params.text("root"), tuple(job.params.texts_of("targets")), files)
    text = rendered(report, job.params.optional("format") or "json")
    # Bytes pass the hub as they are; a map would be made of objects there, on its loop.
    document = text.encode(errors="surrogatepass")
    return {"document": document, "models": len(report.models), "findings": sum(1 for _ in report.findings())}


METHODS: Mapping[str, Method] = {
    "explain": explain,
    "rules": rules,
    "targets": targets,
    "doctor": doctor,
    "planned": planned,
    "render": render,
}
