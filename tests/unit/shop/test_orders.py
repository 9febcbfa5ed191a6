"""The shop's book."""

from __future__ import annotations

from dataclasses import replace

import pytest

from shop.catalogue import SEASONS, seeded, words
from shop.orders import Book, Refused

PHONE = "+380501112233"


@pytest.fixture
def book() -> Book:
    return Book.of(seeded())


def test_the_catalogue_is_the_same_each_time_and_nothing_is_free() -> None:
    assert seeded() == seeded()
    assert 35 <= len(seeded()) <= 50
    assert all(tyre.price > 0 for tyre in seeded())
    assert len({tyre.id for tyre in seeded()}) == len(seeded())
    assert any(tyre.stock == 0 for tyre in seeded())
    assert words(seeded()).seasons == SEASONS


def test_a_free_tyre_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="T100"):
        Book.of([replace(seeded()[0], price=0)])


def test_the_same_key_is_the_same_order(book: Book) -> None:
    first = book.create("key", "T133", 4, PHONE)
    assert book.create("key", "T133", 4, PHONE) is first
    assert len(book.orders) == 1
    with pytest.raises(Refused, match="another request") as refused:
        book.create("key", "T133", 5, PHONE)
    assert refused.value.status == 422


def test_a_key_of_an_order_confirms_nothing(book: Book) -> None:
    order = book.create("key", "T133", 4, PHONE)
    with pytest.raises(Refused, match="another request"):
        book.confirm("key", order.id, None, None)


def test_confirming_takes_the_stock_once(book: Book) -> None:
    stock = book.tyre("T133").stock
    order = book.create("a", "T133", 4, PHONE)
    assert book.tyre("T133").stock == stock
    for key in ("b", "b", "c"):
        assert book.confirm(key, order.id, 4, order.total).status == "confirmed"
    assert book.tyre("T133").stock == stock - 4
    assert (book.confirmed(), len(book.orders)) == (1, 1)


@pytest.mark.parametrize(
    ("tyre", "quantity", "phone", "status"),
    [
        ("nope", 4, PHONE, 404),
        ("T133", 0, PHONE, 422),
        ("T133", 21, PHONE, 422),
        ("T134", 5, PHONE, 409),
        ("T133", 4, "12345678", 422),
        ("T133", 4, "1" * 16, 422),
    ],
)
def test_what_is_refused(book: Book, tyre: str, quantity: int, phone: str, status: int) -> None:
    with pytest.raises(Refused) as refused:
        book.create("key", tyre, quantity, phone)
    assert refused.value.status == status
    assert not book.orders


@pytest.mark.parametrize(("quantity", "total"), [(3, None), (None, 1), (4, 0)])
def test_an_order_is_confirmed_as_agreed_or_not_at_all(
    book: Book, quantity: int | None, total: int | None
) -> None:
    order = book.create("a", "T133", 4, PHONE)
    with pytest.raises(Refused) as refused:
        book.confirm("b", order.id, quantity, total)
    assert refused.value.status == 409
    assert book.confirmed() == 0


def test_the_last_tyres_are_sold_once(book: Book) -> None:
    one, two = book.create("a", "T134", 4, PHONE), book.create("b", "T134", 4, PHONE)
    book.confirm("c", one.id, None, None)
    with pytest.raises(Refused, match="only 0 left") as refused:
        book.confirm("d", two.id, None, None)
    assert refused.value.status == 409


def test_orders_of_a_number_newest_first(book: Book) -> None:
    for key, phone in (("a", "0501112233"), ("b", PHONE), ("c", "0679998877")):
        book.create(key, "T133", 1, phone)
    assert [order.number for order in book.by_phone("050 111-22-33")] == ["1002", "1001"]
