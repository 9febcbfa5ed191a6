"""The shop's tools, where the conversations do not reach."""

from __future__ import annotations

import pytest

from agent.gate import Gate
from agent.tools.registry import Registry
from agent.tools.store import StoreRefused
from callflow.errors import ToolError
from shop.orders import Book

GATE = Gate({}, ())


async def run(registry: Registry, tool: str, key: str = "key-00001", **arguments: str) -> dict[str, str]:
    return dict(await registry.run(GATE.permit(tool, arguments), idempotency_key=key))


async def test_the_cheapest_with_enough_in_stock(registry: Registry) -> None:
    four = await run(registry, "search_tyres", size="205/55 R16", season="winter tyres")
    assert (four["tyre_id"], four["price"], four["quantity"]) == ("T133", "1120 hryvnias", "4")
    nokian = await run(registry, "search_tyres", size="205/55 R16", season="winter", brand="Nokian")
    assert nokian["tyre_id"] == "T132"
    some = await run(registry, "search_tyres", size="205/55 R16", season="all season", quantity="4")
    assert some["tyre_id"] == "T134"
    more = await run(registry, "search_tyres", size="205/55 R16", season="all season", quantity="5")
    assert more["outcome"] == "not_found"


async def test_availability(registry: Registry) -> None:
    assert (await run(registry, "check_availability", tyre_id="T134", quantity="4"))["stock"] == "4"
    gone = await run(registry, "check_availability", tyre_id="T134", quantity="5")
    assert gone == {"outcome": "not_found", "say": "I am sorry, only 4 of them are left."}


async def test_an_order_is_confirmed_for_what_was_agreed_only(registry: Registry, book: Book) -> None:
    made = await run(registry, "create_order", tyre_id="T134", quantity="4", phone="0501112233")
    agreed = {"order_id": made["order_id"], "tyre": "x", "quantity": "4", "phone": "0501112233"}
    less = await run(registry, "confirm_order", "key-00002", **agreed, total="1 hryvnia")
    assert less["outcome"] == "not_found"
    assert book.confirmed() == 0
    done = await run(registry, "confirm_order", "key-00003", **agreed, total=made["total"])
    assert done["order.status"] == "confirmed"
    late = await run(registry, "create_order", "key-00004", tyre_id="T134", quantity="4", phone="0501112233")
    assert late["outcome"] == "not_found"


@pytest.mark.parametrize("quantity", ["0", "-1", "many", "", "21"])
async def test_impossible_quantities(registry: Registry, book: Book, quantity: str) -> None:
    with pytest.raises(ToolError):
        await run(registry, "create_order", tyre_id="T133", quantity=quantity, phone="0501112233")
    assert not book.orders


async def test_a_refusal_that_is_no_shortage_is_a_fault(registry: Registry) -> None:
    with pytest.raises(StoreRefused, match="9 to 15 digits"):
        await run(registry, "create_order", tyre_id="T133", quantity="4", phone="123")


async def test_the_newest_order_is_found_by_any_spelling_of_the_number(registry: Registry) -> None:
    await run(registry, "create_order", tyre_id="T133", quantity="4", phone="+380501112233")
    await run(registry, "create_order", "key-00002", tyre_id="T132", quantity="2", phone="0501112233")
    found = await run(registry, "find_order", phone="050 111 22 33")
    assert found["order.number"] == "1002"
    assert found["say"].startswith("Your order 1002 waits for confirmation: 2 of Nokian")


async def test_the_words_of_the_catalogue(registry: Registry) -> None:
    assert "205/55 R16" in registry.words["size"]
    assert "зимові" in registry.words["season"]["winter"]
    assert "Nokian" in registry.words["brand"]
