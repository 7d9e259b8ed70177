"""The smallest storefront: a product's stars from Redis. `flask --app examples/product_page run` serves it."""

import os
from typing import cast

import redis
from flask import Flask, abort, render_template_string

app = Flask(__name__)
PAGE = """<!doctype html><html lang="en"><title>{{ product_id }}</title><h1>{{ product_id }}</h1>
<p>{{ m.average_rating }} of 5 stars from {{ m.review_count }} reviews, as of {{ m.as_of_date }}</p>
{% if m.is_rating_drop == "true" %}<p role="status">Rated lower of late.</p>{% endif %}</html>"""


@app.get("/product/<product_id>")
def product(product_id: str) -> str:
    """A product's page; 404 for one that has no review."""
    with redis.Redis.from_url(os.environ["REDIS_URL"], decode_responses=True) as cache:
        metrics = cast("dict[str, str]", cache.hgetall(f"product:{product_id}:metrics"))
    if not metrics:
        abort(404)
    return render_template_string(PAGE, product_id=product_id, m=metrics)
