"""The shop's book of orders. Pure: no HTTP, no clock; the same key and request give the same answer."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Literal

from shop.catalogue import Tyre

MIN_QUANTITY, MAX_QUANTITY = 1, 20
FIRST_NUMBER = 1001
_PHONE_TAIL = 9
"""Numbers are the same when their last nine digits are: `+380501112233` is `0501112233`."""


class Refused(Exception):
    """The shop does not do it: `status` is the HTTP status, the text says why."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


@dataclass(frozen=True, slots=True)
class Order:
    """One order. Prices are whole hryvnias; `total` is what the caller pays for all pieces."""

    id: str
    number: str
    tyre: Tyre
    quantity: int
    phone: str
    status: Literal["new", "confirmed"] = "new"

    @property
    def total(self) -> int:
        """Price times quantity; never 0."""
        return self.tyre.price * self.quantity


@dataclass(slots=True)
class Book:
    """All orders and what is left in stock. A new order reserves nothing; a confirmed one takes its tyres."""

    tyres: dict[str, Tyre] = field(default_factory=dict)
    orders: dict[str, Order] = field(default_factory=dict)
    _seen: dict[str, tuple[str, str]] = field(default_factory=dict)  # key → (request, order id)

    @classmethod
    def of(cls, tyres: Iterable[Tyre]) -> Book:
        """A book over a catalogue. Raises `ValueError` for a tyre that would be given away."""
        listed = {tyre.id: tyre for tyre in tyres}
        if free := [tyre.id for tyre in listed.values() if tyre.price <= 0]:
            raise ValueError(f"a price is at least 1 hryvnia: {', '.join(free)}")
        return cls(listed)

    def tyre(self, tyre_id: str) -> Tyre:
        """A tyre by its id. Raises `Refused` 404."""
        if tyre_id not in self.tyres:
            raise Refused(404, f"there is no tyre {tyre_id}")
        return self.tyres[tyre_id]

    def create(self, key: str, tyre_id: str, quantity: int, phone: str) -> Order:
        """A new order, not yet confirmed. Raises `Refused`: 404, 409 (too few in stock), 422."""
        return self._once(
            key, f"create {tyre_id} {quantity} {phone}", lambda: self._create(tyre_id, quantity, phone)
        )

    def confirm(self, key: str, order_id: str, quantity: int | None, total: int | None) -> Order:
        """Confirm an order; `quantity` and `total`, when given, must be the order's own.

        Raises `Refused`: 404, 409 (too few left, or not what was agreed), 422.
        """
        return self._once(
            key, f"confirm {order_id} {quantity} {total}", lambda: self._confirm(order_id, quantity, total)
        )

    def by_phone(self, phone: str) -> list[Order]:
        """The orders of a number, newest first."""
        tail = phone_digits(phone)[-_PHONE_TAIL:]
        found = [order for order in self.orders.values() if order.phone[-_PHONE_TAIL:] == tail]
        return found[::-1]

    def confirmed(self) -> int:
        """How many orders are confirmed."""
        return sum(order.status == "confirmed" for order in self.orders.values())

    def _once(self, key: str, request: str, act: Callable[[], Order]) -> Order:
        if key in self._seen:
            before, order_id = self._seen[key]
            if before != request:
                raise Refused(422, "this Idempotency-Key belongs to another request")
            return self.orders[order_id]
        order = act()
        self.orders[order.id] = order
        self._seen[key] = (request, order.id)
        return order

    def _create(self, tyre_id: str, quantity: int, phone: str) -> Order:
        tyre = self.tyre(tyre_id)
        if not MIN_QUANTITY <= quantity <= MAX_QUANTITY:
            raise Refused(422, f"a quantity is {MIN_QUANTITY} to {MAX_QUANTITY}")
        if tyre.stock < quantity:
            raise Refused(409, f"only {tyre.stock} left of {tyre.name}")
        number = str(FIRST_NUMBER + len(self.orders))
        return Order(f"O{number}", number, tyre, quantity, phone_digits(phone))

    def _confirm(self, order_id: str, quantity: int | None, total: int | None) -> Order:
        if order_id not in self.orders:
            raise Refused(404, f"there is no order {order_id}")
        order = self.orders[order_id]
        if quantity not in (None, order.quantity) or total not in (None, order.total):
            raise Refused(409, f"order {order.number} is for {order.quantity}, {order.total} hryvnias in all")
        if order.status == "confirmed":
            return order
        tyre = self.tyres[order.tyre.id]
        if tyre.stock < order.quantity:
            raise Refused(409, f"only {tyre.stock} left of {tyre.name}")
        self.tyres[tyre.id] = replace(tyre, stock=tyre.stock - order.quantity)
        return replace(order, status="confirmed")


def phone_digits(phone: str) -> str:
    """The digits of a number. Raises `Refused` 422 when there are not 9 to 15 (E.164)."""
    digits = "".join(char for char in phone if char.isdecimal())
    if not _PHONE_TAIL <= len(digits) <= 15:
        raise Refused(422, "a phone number has 9 to 15 digits")
    return digits
