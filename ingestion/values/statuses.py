"""The comparison of statuses of orders."""


def comparable_status(status: str) -> str:
    """Return a status as it is compared: without regard to case, white space, and WooCommerce's prefix `wc-`.

    Keep it in step with the macro `comparable_status` of dbt.
    """
    return "".join(status.split()).lower().removeprefix("wc-")
