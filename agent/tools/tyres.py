"""The tyre shop's tools over the store client: search, stock, order, confirmation, and finding an order."""

from __future__ import annotations

from collections.abc import Mapping

from agent.slots import Known
from agent.tools.registry import Registry
from agent.tools.store import StoreClient, StoreOrder, StoreRefused, StoreTyre
from callflow.errors import ToolError

A_SET = 4
"""A car has four wheels: so many are meant until the caller says another number."""
MAX_QUANTITY = 20
"""The store sells no more to one caller; more is for a person."""
CONFLICT = 409

_SEASONS = {
    "summer": ("літні", "літня", "літо", "летние", "летняя", "лето"),
    "winter": ("зимові", "зимова", "зима", "зимние", "зимняя"),
    "all-season": ("all seasons", "всесезонні", "всесезонна", "всесезонные", "всесезонная"),
}
_BRANDS = {"Nokian": ("нокіан", "нокиан"), "Michelin": ("мішлен", "мишлен"), "Rosava": ("росава",)}
_PRODUCT = {
    "tyres": ("tyre", "tires", "tire", "wheels", "шини", "шин", "шину", "шины", "колеса", "колёса", "колес")
}


class StoreTool:
    """What the tools share: the store."""

    def __init__(self, store: StoreClient) -> None:
        self.store = store


class SearchTyres(StoreTool):
    """Find tyres of a size and season; the cheapest with enough in stock is offered."""

    name = "search_tyres"
    description = "look for tyres"
    needs: tuple[str, ...] = ("size", "season")
    optional: tuple[str, ...] = ("brand", "quantity")
    gives: tuple[str, ...] = ("tyre_id", "tyre", "price", "quantity")

    async def run(self, arguments: Mapping[str, str], *, idempotency_key: str) -> Mapping[str, str]:
        """Offer a tyre, or `not_found` with the reason."""
        wanted = _quantity(arguments.get("quantity", str(A_SET)))
        if wanted > MAX_QUANTITY:
            return _not_found(f"For more than {MAX_QUANTITY} tyres a colleague will help you.")
        found = await self.store.tyres(
            arguments["size"], _season(arguments["season"]), arguments.get("brand", "")
        )
        enough = [tyre for tyre in found if tyre.stock >= wanted]
        if not enough:
            asked = [arguments.get("brand", ""), arguments["season"], "tyres in", arguments["size"]]
            return _not_found(
                f"I am sorry, we do not have {wanted} {' '.join(filter(None, asked))} in stock."
            )
        best = enough[0]
        return {
            "tyre_id": best.id,
            "tyre": best.name,
            "price": f"{best.price} hryvnias",
            "quantity": str(wanted),
            "say": _offer(enough),
        }


class CheckAvailability(StoreTool):
    """Ask whether enough of one tyre is in stock now."""

    name = "check_availability"
    description = "check the stock"
    needs: tuple[str, ...] = ("tyre_id", "quantity")
    optional: tuple[str, ...] = ()
    gives: tuple[str, ...] = ("stock",)

    async def run(self, arguments: Mapping[str, str], *, idempotency_key: str) -> Mapping[str, str]:
        """The stock, or `not_found` when there are too few."""
        tyre = await self.store.availability(arguments["tyre_id"])
        if tyre.stock < _quantity(arguments["quantity"]):
            return _not_found(f"I am sorry, only {tyre.stock} of them are left.")
        return {"stock": str(tyre.stock), "say": "They are in stock."}


class CreateOrder(StoreTool):
    """Make an order that binds nobody until it is confirmed."""

    name = "create_order"
    description = "write the order down"
    needs: tuple[str, ...] = ("tyre_id", "quantity", "phone")
    optional: tuple[str, ...] = ("tyre", "price")
    gives: tuple[str, ...] = ("order_id", "total", "order.number", "order.status")

    async def run(self, arguments: Mapping[str, str], *, idempotency_key: str) -> Mapping[str, str]:
        """The new order, or `not_found` when the stock has gone meanwhile."""
        quantity = _quantity(arguments["quantity"])
        try:
            order = await self.store.create_order(
                arguments["tyre_id"], quantity, arguments["phone"], key=idempotency_key
            )
        except StoreRefused as refusal:
            return _sold_out(refusal)
        return {"order_id": order.id, "total": f"{order.total} hryvnias", **_of(order)}


class ConfirmOrder(StoreTool):
    """Confirm an order for exactly the quantity and total that the caller agreed to."""

    name = "confirm_order"
    description = "confirm the order"
    needs: tuple[str, ...] = ("order_id", "tyre", "quantity", "total", "phone")
    optional: tuple[str, ...] = ()
    gives: tuple[str, ...] = ("order.number", "order.status")

    async def run(self, arguments: Mapping[str, str], *, idempotency_key: str) -> Mapping[str, str]:
        """The confirmed order, or `not_found` when the stock has gone meanwhile."""
        quantity, total = _quantity(arguments["quantity"]), _quantity(arguments["total"])
        try:
            order = await self.store.confirm_order(
                arguments["order_id"], quantity, total, key=idempotency_key
            )
        except StoreRefused as refusal:
            return _sold_out(refusal)
        return {**_of(order), "say": "Your order is confirmed."}


class FindOrder(StoreTool):
    """Find the newest order of a phone number."""

    name = "find_order"
    description = "look for your order"
    needs: tuple[str, ...] = ("phone",)
    optional: tuple[str, ...] = ()
    gives: tuple[str, ...] = ("order.number", "order.status")

    async def run(self, arguments: Mapping[str, str], *, idempotency_key: str) -> Mapping[str, str]:
        """The order's status, or `not_found`."""
        orders = await self.store.orders(arguments["phone"])
        if not orders:
            return _not_found("I find no order for this number.")
        order = orders[0]
        status = "waits for confirmation" if order.status == "new" else f"is {order.status}"
        return {**_of(order), "say": f"Your order {order.number} {status}: {order.quantity} of {order.tyre}."}


def tyre_tools(store: StoreClient) -> Registry:
    """All five tools over one client; closing the registry closes the client."""

    async def learn() -> Known:
        words = await store.words()
        return {
            "size": dict.fromkeys(words.sizes, ()),
            "season": {season: _SEASONS.get(season, ()) for season in words.seasons},
            "brand": {brand: _BRANDS.get(brand, ()) for brand in words.brands},
            "product": _PRODUCT,
        }

    tools = (
        SearchTyres(store),
        CheckAvailability(store),
        CreateOrder(store),
        ConfirmOrder(store),
        FindOrder(store),
    )
    return Registry(tools, learn, close=store.close)


def _offer(tyres: list[StoreTyre]) -> str:
    """The first tyre, and one of another brand as a choice."""
    best = tyres[0]
    other = next((tyre for tyre in tyres if tyre.brand != best.brand), None)
    also = f" There is also {other.brand} {other.model} at {other.price}." if other else ""
    return f"I have {best.name}, at {best.price} hryvnias each.{also}"


def _of(order: StoreOrder) -> dict[str, str]:
    return {"order.number": order.number, "order.status": order.status}


def _not_found(reason: str) -> dict[str, str]:
    return {"outcome": "not_found", "say": reason}


def _sold_out(refusal: StoreRefused) -> dict[str, str]:
    """Too few left is an outcome of the talk; any other refusal is a fault."""
    if refusal.status != CONFLICT:
        raise refusal
    return _not_found("I am sorry, there are not enough of them left.")


def _season(said: str) -> str:
    """A season as the store spells it: staff may write `all season` or `winter tyres`."""
    small = said.lower()
    return next((season for season in ("all-season", "winter", "summer") if season[:3] in small), small)


def _quantity(text: str) -> int:
    """The number a text begins with. Raises `ToolError`."""
    first = text.split(" ", 1)[0]
    if not first.isdecimal() or int(first) < 1:
        raise ToolError(f"{text!r} is no number of one or more")
    return int(first)
