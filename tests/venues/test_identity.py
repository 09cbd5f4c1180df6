"""Client order ids. What is tested: `quarterdeck.venues.identity`."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quarterdeck.venues.identity import client_id, desk_tag, order_of


@given(order_id=st.integers(1, 2**62), strategy=st.integers(0, 127), desk=st.text(min_size=1, max_size=40))
def test_an_id_is_read_back_by_its_own_desk_only(order_id: int, strategy: int, desk: str) -> None:
    tag = desk_tag(desk)
    text = client_id(tag, strategy, order_id)
    assert len(text) == 32
    assert order_of(tag, text) == order_of(tag, f"0x{text.upper()}") == (order_id, strategy)
    assert order_of(desk_tag(desk + "2"), text) == (0, -1)


@pytest.mark.parametrize("text", ["", "web_1", "x" * 32, desk_tag("a"), desk_tag("a") + "g" * 20, "0x"])
def test_anything_else_is_foreign(text: str) -> None:
    assert order_of(desk_tag("a"), text) == (0, -1)
