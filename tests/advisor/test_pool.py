"""The pool of workers: who shares one, and which are ended."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, ClassVar

import pytest

from advisor.pool import Pool
from advisor.workers import Event, Outcome, WorkerError


class Fake:
    """A worker that runs what its request holds."""

    made: ClassVar[list[Fake]] = []

    def __init__(self, interpreter: Path, *, environment: Mapping[str, str]) -> None:
        self.interpreter = interpreter
        self.environment = environment
        self.closed = threading.Event()
        Fake.made.append(self)

    def start(self) -> None:
        pass

    def run(
        self, request: Mapping[str, Any], on_event: Callable[[Event], None], cancelled: Callable[[], bool]
    ) -> Outcome:
        request["do"]()
        return Outcome("", "cancelled" if cancelled() else "ok")

    def close(self) -> None:
        self.closed.set()


@pytest.fixture(autouse=True)
def made(monkeypatch: pytest.MonkeyPatch) -> list[Fake]:
    Fake.made = []
    monkeypatch.setattr("advisor.pool.Worker", Fake)
    return Fake.made


def nothing(*_: object) -> None:
    pass


def run(pool: Pool, python: str = "a", environment: Mapping[str, str] | None = None, do=nothing) -> Outcome:
    return pool.run(Path(python), environment or {}, {"do": do}, nothing, lambda: False)


def test_requests_share_a_worker_where_interpreter_and_what_its_code_sees_are_the_same(made: list[Fake]) -> None:
    with Pool() as pool:
        for environment in ({}, {"EDITOR": "vi"}, {"PYTHONPATH": "/x"}, {"PYTHONPATH": "/x", "PWD": "/"}):
            run(pool, "a", environment)
        run(pool, "b")
        run(pool, "a")
        assert [(str(w.interpreter), "PYTHONPATH" in w.environment) for w in made] == [
            ("a", False),
            ("a", True),
            ("b", False),
        ]
        assert set(pool.workers) == set(made)


def test_requests_at_the_same_time_have_workers_of_their_own(made: list[Fake]) -> None:
    with Pool() as pool:
        run(pool, do=lambda: run(pool))
        run(pool)
        assert len(made) == 2


def test_workers_without_work_are_ended_once_others_serve(made: list[Fake]) -> None:
    with Pool(idle_seconds=-1) as pool:  # all that is idle has been so for too long
        run(pool, "a")
        run(pool, "a")
        assert [w.closed.is_set() for w in made] == [False]
        run(pool, "b")
        assert made[0].closed.wait(30)
        assert not made[1].closed.is_set()
        assert list(pool.workers) == made[1:]
        run(pool, "a")
        assert len(made) == 3
    assert all(w.closed.is_set() for w in made)


def test_a_worker_is_replaced_when_something_is_installed_for_its_interpreter(made: list[Fake], tmp_path: Path) -> None:
    site = tmp_path / "env" / "lib" / "python3.11" / "site-packages"
    site.mkdir(parents=True)
    python = str(tmp_path / "env" / "bin" / "python")
    with Pool() as pool:
        run(pool, python)
        run(pool, python)
        assert len(made) == 1
        (site / "torch-9.9.dist-info").mkdir()
        run(pool, python)
        assert made[0].closed.wait(30)
        assert list(pool.workers) == made[1:]
        run(pool, python)
        assert len(made) == 2


def test_a_worker_whose_request_raised_serves_on(made: list[Fake]) -> None:
    def fails() -> None:
        raise LookupError

    with Pool() as pool:
        with pytest.raises(LookupError):
            run(pool, do=fails)
        assert run(pool).status == "ok"
        assert len(made) == 1


def test_a_worker_does_not_outlive_what_it_started_with(tmp_path: Path, made: list[Fake]) -> None:
    environment = {"PYTHONPATH": str(tmp_path)}
    with Pool() as pool:
        run(pool, environment=environment)
        (tmp_path / "module.py").write_text("")
        run(pool, environment=environment)
        assert len(made) == 1
        (tmp_path / "sitecustomize.py").write_text("")
        run(pool, environment=environment)
    assert len(made) == 2


def test_a_pool_that_was_closed_starts_nothing(made: list[Fake]) -> None:
    pool = Pool()
    run(pool)
    pool.close()
    with pytest.raises(WorkerError, match="was closed; open another"):
        run(pool)
    with pytest.raises(WorkerError, match="was closed; open another"):
        pool.warm(Path("a"), {})
    assert len(made) == 1
    assert not pool.workers
