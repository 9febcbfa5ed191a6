"""The shop's HTTP face: JSON under `/api/v1`, errors as `{"detail": sentence}`."""

from __future__ import annotations

import hmac
from typing import Annotated

from fastapi import APIRouter, Depends, FastAPI, Header, HTTPException, Query, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict

from shop.catalogue import Tyre, seeded, squeezed, words
from shop.orders import Book, Order, Refused

MAX_LIMIT = 50
Key = Annotated[str, Header(alias="Idempotency-Key", min_length=8, max_length=200)]


class TyreOut(BaseModel):
    """A tyre as the shop shows it. `price` is whole hryvnias for one piece."""

    model_config = ConfigDict(from_attributes=True)

    id: str
    name: str
    brand: str
    model: str
    size: str
    season: str
    price: int
    stock: int


class TyresOut(BaseModel):
    """A page of tyres, cheapest first; `total` counts all that fit."""

    items: list[TyreOut]
    total: int


class AvailabilityOut(BaseModel):
    """Whether so many pieces are in stock now."""

    id: str
    name: str
    price: int
    stock: int
    available: bool


class CatalogueOut(BaseModel):
    """The values by which tyres can be asked for."""

    model_config = ConfigDict(from_attributes=True)

    sizes: list[str]
    seasons: list[str]
    brands: list[str]


class OrderIn(BaseModel):
    """What a new order says."""

    model_config = ConfigDict(extra="forbid")

    tyre_id: str
    quantity: int
    phone: str


class ConfirmIn(BaseModel):
    """What the customer has agreed to; checked against the order."""

    model_config = ConfigDict(extra="forbid")

    quantity: int | None = None
    total: int | None = None


class OrderOut(BaseModel):
    """An order as the shop shows it."""

    id: str
    number: str
    status: str
    tyre: str
    tyre_id: str
    quantity: int
    price: int
    total: int
    phone: str

    @classmethod
    def of(cls, order: Order) -> OrderOut:
        """Flatten an order."""
        return cls(
            id=order.id,
            number=order.number,
            status=order.status,
            tyre=order.tyre.name,
            tyre_id=order.tyre.id,
            quantity=order.quantity,
            price=order.tyre.price,
            total=order.total,
            phone=order.phone,
        )


class OrdersOut(BaseModel):
    """The orders of one number, newest first."""

    items: list[OrderOut]


class CountOut(BaseModel):
    """How many orders there are, and how many of them are confirmed."""

    orders: int
    confirmed: int


def make_app(book: Book | None = None, api_key: str = "") -> FastAPI:
    """The shop over a book (default: the seeded catalogue). With an `api_key`, all but health asks for it as
    `Authorization: Bearer`."""
    app = FastAPI(title="Tyre shop", version="1")
    app.add_exception_handler(Refused, _refused)
    book = book if book is not None else Book.of(seeded())

    def authorised(authorization: Annotated[str, Header()] = "") -> None:
        if api_key and not hmac.compare_digest(authorization.encode(), f"Bearer {api_key}".encode()):
            raise HTTPException(401, "this needs the store's API key as `Authorization: Bearer`")

    @app.get("/api/v1/health")
    async def health() -> dict[str, str]:
        return {"status": "ok"}

    app.include_router(_tyres(book), prefix="/api/v1", dependencies=[Depends(authorised)])
    app.include_router(_orders(book), prefix="/api/v1", dependencies=[Depends(authorised)])
    return app


async def _refused(_: Request, error: Exception) -> JSONResponse:
    return JSONResponse({"detail": str(error)}, error.status if isinstance(error, Refused) else 500)


def _tyres(book: Book) -> APIRouter:
    router = APIRouter()

    @router.get("/catalogue")
    async def catalogue() -> CatalogueOut:
        return CatalogueOut.model_validate(words(book.tyres.values()))

    @router.get("/tyres")
    async def tyres(
        size: str = "",
        season: str = "",
        brand: str = "",
        limit: Annotated[int, Query(ge=1, le=MAX_LIMIT)] = 10,
    ) -> TyresOut:
        wanted = {"size": squeezed(size), "season": squeezed(season), "brand": squeezed(brand)}
        fit = sorted((t for t in book.tyres.values() if _fits(t, wanted)), key=lambda tyre: tyre.price)
        return TyresOut(items=[TyreOut.model_validate(tyre) for tyre in fit[:limit]], total=len(fit))

    @router.get("/tyres/{tyre_id}/availability")
    async def availability(
        tyre_id: str, quantity: Annotated[int, Query(ge=1, le=1000)] = 1
    ) -> AvailabilityOut:
        tyre = book.tyre(tyre_id)
        return AvailabilityOut(
            id=tyre.id,
            name=tyre.name,
            price=tyre.price,
            stock=tyre.stock,
            available=tyre.stock >= quantity,
        )

    return router


def _fits(tyre: Tyre, wanted: dict[str, str]) -> bool:
    return all(not value or squeezed(getattr(tyre, field)) == value for field, value in wanted.items())


def _orders(book: Book) -> APIRouter:
    router = APIRouter()

    @router.post("/orders", status_code=201)
    async def create(order: OrderIn, key: Key) -> OrderOut:
        return OrderOut.of(book.create(key, order.tyre_id, order.quantity, order.phone))

    @router.post("/orders/{order_id}/confirm")
    async def confirm(order_id: str, agreed: ConfirmIn, key: Key) -> OrderOut:
        return OrderOut.of(book.confirm(key, order_id, agreed.quantity, agreed.total))

    @router.get("/orders/count")
    async def count() -> CountOut:
        return CountOut(orders=len(book.orders), confirmed=book.confirmed())

    @router.get("/orders")
    async def by_phone(phone: str) -> OrdersOut:
        return OrdersOut(items=[OrderOut.of(order) for order in book.by_phone(phone)])

    return router
