"""One map for all workers: the same results in the same order, whoever dies or fails on the way."""

from __future__ import annotations

import itertools
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path

import pytest
import work_units as work

from wattloop.errors import ConfigError, SpecError, WorkerError
from wattloop.parallel import SERIAL, Constant, Workers, cores, dask, on, processes, threads
from wattloop.parallel import workers as workers_of

FACTORS = Constant(list(range(1, 200)))
EXPECTED = [work.scaled(FACTORS.value, k) for k in range(40)]


def test_every_kind_of_workers_gives_the_same_bits_in_the_same_order(workers: Workers) -> None:
    assert list(workers.map(work.scaled, ((FACTORS, k) for k in range(40)))) == EXPECTED


def test_no_units_no_results(workers: Workers) -> None:
    assert list(workers.map(work.scaled, [])) == []


def test_the_error_of_a_unit_keeps_its_type_and_message(workers: Workers) -> None:
    with pytest.raises(SpecError, match="rows: 0 is illegal; legal: 1 to 256"):
        list(workers.map(work.failing, ((k,) for k in range(10))))
    # And the workers are none the worse.
    assert list(workers.map(work.failing, [(0,), (1,)])) == [0, 1]


def test_units_that_run_beside_others_keep_to_one_core(workers: Workers) -> None:
    seen = set(workers.map(work.allowed_cores, ((k,) for k in range(8))))
    assert seen == ({1} if workers.fans_out else {len(os.sched_getaffinity(0))})
    assert cores() == len(os.sched_getaffinity(0))


def test_a_constant_is_sent_once_to_one_worker() -> None:
    value = Constant(os.urandom(1000))
    with processes(1) as pool:
        (pid,) = set(pool.map(work.done_by, ((value, k) for k in range(60))))
        assert pid != os.getpid()
        assert pool.shipped[value.key] == 1
        again = Constant(value.value)  # equal content is known already
        assert set(pool.map(work.done_by, ((again, k) for k in range(10)))) == {pid}
        assert pool.shipped[value.key] == 1


def test_a_constant_does_not_travel_with_every_unit(pool: Workers) -> None:
    """A worker that starts late may ask once for each unit that was handed out to it meanwhile, and no more."""
    value = Constant(os.urandom(1000))
    pids = set(pool.map(work.done_by, ((value, k) for k in range(60))))
    assert os.getpid() not in pids
    assert 1 <= len(pids) <= pool.shipped[value.key] <= 2 + pool._window < 60


def test_workers_that_lack_a_constant_ask_for_it(pool: Workers) -> None:
    value = Constant(os.urandom(1000))
    pool._brought[value.key] = 1000  # as if it had gone to workers that died since
    assert len(list(pool.map(work.done_by, ((value, k) for k in range(20))))) == 20
    assert 1 <= pool.shipped[value.key] <= 20


def test_few_units_are_taken_before_their_turn(workers: Workers) -> None:
    taken = itertools.count()

    def units() -> Iterator[tuple[Constant[list[int]], int]]:
        for index in range(1000):
            next(taken)
            yield FACTORS, index

    results = workers.map(work.scaled, units())
    assert next(results) == EXPECTED[0]
    assert next(taken) <= 80
    results.close()  # type: ignore[attr-defined]


@pytest.mark.parametrize("victims", [(0,), (5, 6, 30)])
def test_a_killed_process_loses_nothing_and_counts_nothing_twice(victims: tuple[int, ...], tmp_path: Path) -> None:
    with processes(2) as pool:
        units = ((str(tmp_path), k, victims) for k in range(40))
        assert list(pool.map(work.noted, units)) == [k * k for k in range(40)]
        assert pool.lost >= 1
        assert len(list(tmp_path.glob("victim-*"))) == len(victims)
        assert list(pool.map(work.scaled, ((FACTORS, k) for k in range(5)))) == EXPECTED[:5]


def test_a_killed_worker_of_a_cluster_loses_nothing_and_counts_nothing_twice(cluster: str, tmp_path: Path) -> None:
    with dask(cluster) as workers:
        units = ((str(tmp_path), k, (4, 25)) for k in range(40))
        assert list(workers.map(work.noted, units)) == [k * k for k in range(40)]
        assert len(list(tmp_path.glob("victim-*"))) == 2
        # Who took their place lacks the constants, asks, and gets them.
        assert list(workers.map(work.scaled, ((FACTORS, k) for k in range(40)))) == EXPECTED


def test_units_that_only_waited_are_not_blamed_for_those_that_broke_their_pool(tmp_path: Path) -> None:
    # Five units break the pool once each, which is once too often for one, and the last is there all the while.
    with processes(2) as pool:
        units = ((str(tmp_path), k, tuple(range(4, 9))) for k in range(11))
        assert list(pool.map(work.noted, units)) == [k * k for k in range(11)]
    assert len(list(tmp_path.glob("victim-*"))) == 5


def test_a_script_without_a_guard_is_told_what_it_lacks(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "import math\nfrom wattloop.parallel import processes\n"
        "with processes(1) as workers:\n    print(list(workers.map(math.sqrt, [(4,)])))\n"
    )
    done = subprocess.run([sys.executable, script], check=False, capture_output=True, text=True, timeout=60)
    last = done.stderr.splitlines()[-1]
    assert 'below `if __name__ == "__main__":`' in last
    assert "use fewer workers" not in last


def test_work_that_kills_every_worker_ends_in_one_line() -> None:
    with processes(1) as pool, pytest.raises(WorkerError, match="lost 4 times at the same work"):
        list(pool.map(work.deadly, ((k,) for k in range(6))))


def test_an_error_that_cannot_travel_comes_as_text(pool: Workers) -> None:
    with pytest.raises(WorkerError, match="FussyError: 1 and 2"):
        list(pool.map(work.fussy, [(0,)]))
    assert list(pool.map(work.scaled, [(FACTORS, 0)])) == EXPECTED[:1]


def test_an_interrupt_cancels_what_has_not_begun(tmp_path: Path) -> None:
    def interrupted() -> Iterator[tuple[str, int]]:
        yield from ((str(tmp_path), k) for k in range(4))
        raise KeyboardInterrupt

    started = time.monotonic()
    with pytest.raises(KeyboardInterrupt), threads(1) as workers:
        list(workers.map(work.slow, interrupted()))
    assert time.monotonic() - started < 0.9
    assert len(list(tmp_path.glob("begun-*"))) <= 2


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_worker_processes_do_not_outlive_the_one_that_they_work_for(number: signal.Signals, tmp_path: Path) -> None:
    program = subprocess.Popen(
        [sys.executable, work.__file__, str(tmp_path), "0.3"], stderr=subprocess.PIPE, start_new_session=True, text=True
    )
    until(lambda: len(pids(tmp_path)) == 2)
    # An interrupt at the terminal reaches the whole group.
    os.killpg(program.pid, number) if number == signal.SIGINT else program.send_signal(number)
    _, complaint = program.communicate(timeout=120)
    assert program.returncode == -number
    assert "Process SpawnProcess" not in complaint  # the workers have nothing to say about it
    until(lambda: not any(alive(pid) for pid in pids(tmp_path)))


def test_an_interrupt_does_not_wait_for_long_units(tmp_path: Path) -> None:
    program = subprocess.Popen(
        [sys.executable, work.__file__, str(tmp_path), "30"], stderr=subprocess.PIPE, start_new_session=True, text=True
    )
    until(lambda: len(pids(tmp_path)) == 2)
    started = time.monotonic()
    program.send_signal(signal.SIGINT)
    _, complaint = program.communicate(timeout=120)
    assert time.monotonic() - started < 5
    assert complaint.splitlines()[-1] == "KeyboardInterrupt"
    assert complaint.count("Traceback") == 1
    until(lambda: not any(alive(pid) for pid in pids(tmp_path)))


def pids(folder: Path) -> set[int]:
    """Processes that have begun a unit."""
    return {int(text) for path in folder.glob("begun-*") if (text := path.read_text())}


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


def test_any_executor_serves_and_stays_open(tmp_path: Path) -> None:
    with ThreadPoolExecutor(2) as executor:
        with on(executor) as workers:
            assert list(workers.map(work.scaled, ((FACTORS, k) for k in range(40)))) == EXPECTED
        assert executor.submit(int, "7").result() == 7
    broken = pytest.raises(WorkerError, match="give a fresh one")
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as executor, on(executor) as workers, broken:
        list(workers.map(work.noted, [(str(tmp_path), 0, (0,))]))


def test_another_version_of_the_code_is_refused(cluster: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wattloop.parallel.pool.code_key", lambda: "another")
    with dask(cluster) as workers, pytest.raises(WorkerError, match="install the same one on every machine"):
        list(workers.map(work.scaled, [(FACTORS, 0)]))


def test_workers_go_by_name() -> None:
    with workers_of("serial") as serial, workers_of("threads", 3) as three:
        assert serial is SERIAL
        assert three.name == "3 threads"
    with pytest.raises(ConfigError, match="known: serial, threads, processes, dask"):
        workers_of("cloud")
    with pytest.raises(ConfigError, match="address of its scheduler"):
        workers_of("dask")


def test_a_scheduler_that_does_not_answer_is_told_in_one_line() -> None:
    with pytest.raises(WorkerError, match="no Dask scheduler answers at"), dask("tcp://127.0.0.1:9", timeout_s=0.5):
        pass


@pytest.mark.parametrize("address", ["nonsense", "http://127.0.0.1:8786", "tcp://:8786", "tcp://host", "tcp://host:x"])
def test_what_is_no_address_is_refused_at_once(address: str) -> None:
    with pytest.raises(ConfigError, match="is no address of a Dask scheduler; legal: such as"), dask(address):
        pass


def test_a_scheduler_that_does_not_answer_leaves_no_noise() -> None:
    program = (
        "from wattloop.parallel import dask\n"
        "try:\n    dask('tcp://127.0.0.1:9', timeout_s=0.5).__enter__()\n"
        "except Exception as error:\n    print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], check=False, capture_output=True, text=True, timeout=30)
    assert done.stdout.startswith("no Dask scheduler answers at tcp://127.0.0.1:9: ")
    assert done.stderr == ""
