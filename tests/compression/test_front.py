"""The Pareto front and the best network within a drop."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from wattloop.compression.campaign import Offer
from wattloop.compression.front import best_within, front
from wattloop.compression.subject import Quality

LEVELS = st.lists(st.tuples(st.integers(0, 8), st.integers(1, 8)), max_size=12)
INT8 = Offer("", "", "", Quality(0.8, 0.3, 100), 8.0)


def offers(levels: list[tuple[int, int]]) -> list[Offer]:
    return [Offer("m", str(k), "", Quality(a / 10, 0.3, 100), float(e)) for k, (a, e) in enumerate(levels)]


@given(levels=LEVELS)
def test_the_front_is_what_nothing_beats(levels: list[tuple[int, int]]) -> None:
    found = front(offers(levels))

    def beaten(k: int) -> bool:
        mine = levels[k]
        return any(o[0] >= mine[0] and o[1] <= mine[1] and (o != mine or j < k) for j, o in enumerate(levels) if j != k)

    assert sorted(found) == [k for k in range(len(levels)) if not beaten(k)]
    assert [levels[k][1] for k in found] == sorted((levels[k][1] for k in found), reverse=True)


@given(levels=LEVELS, drop=st.integers(0, 80))
def test_the_best_is_the_cheapest_that_is_allowed(levels: list[tuple[int, int]], drop: int) -> None:
    found = best_within(offers(levels), INT8, float(drop))
    bound = INT8.validation.accuracy - drop / 100
    able = [e for a, e in levels if a / 10 >= bound and e < 8]
    assert (found is None) == (not able)
    if found is not None:
        assert levels[found][1] == min(able)
        assert levels[found][0] / 10 >= bound
