"""Workers: an ordered map of units of work over an executor that may lose some of them."""

from __future__ import annotations

import itertools
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, CancelledError, Executor, Future, wait
from dataclasses import dataclass
from typing import Any, TypeVar

from wattloop.errors import WorkerError
from wattloop.parallel.worker import Answer, Constant, Missing, Reference, alone, code_key, run

# Processes that end before they begin: each imports the caller's script, which starts processes of its own.
_UNGUARDED = (
    'no unit of work was ever done: does your script start its work below `if __name__ == "__main__":`, and do the '
    "workers have enough memory?"
)

T = TypeVar("T")
Unit = tuple[Any, ...]

# A unit that took so many workers with it is taken to kill them (memory, most of the time).
_LOSSES = 4
LOST: tuple[type[BaseException], ...] = (BrokenExecutor, CancelledError)


@dataclass(eq=False)
class _Task:
    """A unit on its way."""

    unit: Unit
    future: Future[Any] | None = None
    executor: Executor | None = None
    number: int = 0
    losses: int = 0
    answer: Answer | None = None


class Workers:
    """Who does the work.

    Attributes:
        name: who, in words, for the record.
        shipped: how often each constant was sent, by its key.
        lost: how often units were handed out again because a worker was lost, those that only waited in its pool too.
    """

    def __init__(
        self,
        name: str,
        start: Callable[[], Executor] | None = None,
        *,
        count: int = 1,
        ahead: int = 4,
        remote: bool = True,
        restarts: bool = True,
        other_machines: bool = False,
        lost: tuple[type[BaseException], ...] = LOST,
    ) -> None:
        """Workers on an executor.

        Args:
            name: who, in words.
            start: makes the executor; None works here and now, in the caller's thread.
            count: how many units run at a time, about.
            ahead: how many more are handed out, at least.
            remote: they run in other processes.
            restarts: a broken executor may be made anew.
            other_machines: their code is compared with ours.
            lost: what a future raises when its worker is gone.
        """
        self.name = name
        self.shipped: Counter[str] = Counter()
        self.lost = 0
        self._answered = False
        self._broken: Executor | None = None
        self._suspects: set[_Task] = set()
        self._numbers = itertools.count()
        self._start, self._executor = start, None if start is None else start()
        self._brought: Counter[str] = Counter()
        self._count, self._window = count, 4 * count + ahead
        self._remote, self._restarts, self._lost_types = remote, restarts, lost
        self._code = code_key() if other_machines else None

    @property
    def fans_out(self) -> bool:
        """Whether units run beside each other."""
        return self._start is not None

    def map(self, work: Callable[..., T], units: Iterable[Unit]) -> Iterator[T]:
        """`work(*unit)` for each unit, in the order of the units; a few are under way at a time.

        A unit whose worker is lost is handed out again; each result counts once. Closing the iterator (an error, an
        interrupt) cancels what has not begun.

        Args:
            work: a function of a module, without side effects.
            units: arguments of each call; big ones that units share are `Constant`s.

        Raises:
            WorkerError: one unit lost its worker again and again, or the executor is gone for good.
            Exception: what `work` raised, with its type and message.
        """
        if self._executor is None:
            for unit in units:
                yield work(*_values(unit))
            return
        coming, tasks = iter(units), deque[_Task]()
        try:
            while self._fill(work, coming, tasks):
                while tasks[0].answer is None:
                    self._settle(work, tasks)
                yield tasks.popleft().answer.value  # type: ignore[union-attr]
        finally:
            for task in tasks:
                if task.future is not None:
                    task.future.cancel()

    def cancel(self) -> None:
        """Cancel what has not begun; nothing more can be asked."""
        if self._executor is not None and self._restarts:
            self._executor.shutdown(wait=False, cancel_futures=True)

    def close(self) -> None:
        """Cancel what has not begun and wait for the rest."""
        if self._executor is not None and self._restarts:
            self._executor.shutdown(wait=True, cancel_futures=True)

    def _fill(self, work: Callable[..., object], coming: Iterator[Unit], tasks: deque[_Task]) -> bool:
        """Hand out units until enough are under way; whether any are."""
        while len(tasks) < self._window:
            unit = next(coming, None)
            if unit is None:
                break
            tasks.append(_Task(unit))
            self._submit(work, tasks[-1])
        return bool(tasks)

    def _settle(self, work: Callable[..., object], tasks: deque[_Task]) -> None:
        """Wait for answers, take them in, and hand out again what came back without one."""
        waiting = {task.future: task for task in tasks if task.answer is None and task.future is not None}
        done = wait(waiting, return_when=FIRST_COMPLETED).done
        # In the order in which they were handed out, and handed out again in the same.
        for future in sorted(done, key=lambda future: waiting[future].number):
            task = waiting[future]
            try:
                answer = future.result()
            except self._lost_types as error:
                self._again(work, task, tasks, error)
                continue
            self._progressed(tasks)
            if isinstance(answer, Missing):
                self._submit(work, task, answer.keys)
            else:
                task.answer, task.future = answer if self._remote else Answer(answer), None

    def _progressed(self, tasks: deque[_Task]) -> None:
        """An answer came: a local pool works, and whoever it lost before is not what kills it, or will again."""
        self._answered = True
        for task in tasks if self._restarts else ():
            task.losses = 0

    def _again(self, work: Callable[..., object], task: _Task, tasks: deque[_Task], error: BaseException) -> None:
        broken = isinstance(error, BrokenExecutor)
        if broken and self._broken is not task.executor:
            self._broken, self._suspects = task.executor, self._at_work(tasks, task.executor)
        # A pool that breaks gives back all that it was handed: those that waited their turn broke nothing.
        task.losses += not broken or task in self._suspects
        self.lost += 1
        if task.losses >= _LOSSES:
            hint = "it may lack memory; use fewer workers" if self._answered else _UNGUARDED
            raise WorkerError(
                f"a worker was lost {task.losses} times at the same work ({_what(error)}): {hint}"
            ) from error
        if broken and task.executor is self._executor:
            self._restart(error)
        self._submit(work, task)

    def _at_work(self, tasks: deque[_Task], executor: Executor | None) -> set[_Task]:
        """Units that can have been at work when their executor broke: it begins them in the order of handing out."""
        unfinished = (task for task in tasks if task.executor is executor and _unfinished(task))
        return set(sorted(unfinished, key=lambda task: task.number)[: self._count + 1])

    def _restart(self, error: BaseException) -> None:
        if self._start is None or self._executor is None or not self._restarts:
            raise WorkerError(f"the executor is broken ({_what(error)}): give a fresh one") from error
        self._executor.shutdown(wait=False, cancel_futures=True)
        self._executor = self._start()
        self._brought.clear()

    def _submit(self, work: Callable[..., object], task: _Task, wanted: tuple[str, ...] = ()) -> None:
        call: Unit = (alone, work, _values(task.unit)) if not self._remote else self._travelling(work, task, wanted)
        try:
            task.future = self._submitted(call)
        except BrokenExecutor as error:
            self._restart(error)
            task.future = self._submitted(call)
        task.executor, task.number = self._executor, next(self._numbers)

    def _submitted(self, call: Unit) -> Future[Any]:
        assert self._executor is not None
        return self._executor.submit(*call)

    def _travelling(self, work: Callable[..., object], task: _Task, wanted: tuple[str, ...]) -> Unit:
        """The call of a unit elsewhere. The first ones bring their constants along; a worker that met none asks."""
        constants = {c.key: c for c in task.unit if isinstance(c, Constant)}
        sent = {key: c.raw for key, c in constants.items() if key in wanted or self._brought[key] < self._count}
        self._brought.update(sent.keys())
        self.shipped.update(sent.keys())
        arguments = tuple(Reference(a.key) if isinstance(a, Constant) else a for a in task.unit)
        return run, work, arguments, sent, self._code


def _values(unit: Unit) -> Unit:
    return tuple(a.value if isinstance(a, Constant) else a for a in unit)


def _unfinished(task: _Task) -> bool:
    future = task.future
    return future is not None and (not future.done() or future.cancelled() or future.exception() is not None)


def _what(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__


SERIAL = Workers("this process")
