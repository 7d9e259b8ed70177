"""The lists within an order: paths to the parts of an item, and of a refund."""

from typing import Self

from pydantic import BaseModel, model_validator

from ingestion.declaration.endpoint import STRICT
from ingestion.declaration.pages import KeyPath


class ItemKeys(BaseModel):
    """The paths within one object of the field `items`, the lines of an order.

    The amount is per line (`total`) or per unit (`price`). Without `quantity`, each line counts as one unit.
    """

    model_config = STRICT

    product_id: KeyPath
    quantity: KeyPath | None = None
    price: KeyPath | None = None
    total: KeyPath | None = None

    @model_validator(mode="after")
    def _check_amount(self) -> Self:
        if (self.price is None) == (self.total is None):
            raise ValueError("set exactly one of price (per unit) and total (per line)")
        return self


class RefundKeys(BaseModel):
    """The paths within one object of the field `refunds`, the refunds of an order. Amounts count without their sign.

    Without `id`, refunds are numbered by their place in the list; without `date`, a refund counts with its order.
    `tax` and `shipping` are parts of `amount`. A refund in another `currency` than its order is refused.
    """

    model_config = STRICT

    amount: KeyPath
    id: KeyPath | None = None
    date: KeyPath | None = None
    tax: KeyPath | None = None
    shipping: KeyPath | None = None
    currency: KeyPath | None = None
