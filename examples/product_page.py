"""A minimal storefront: a product's rating from Redis. Start it with `flask --app examples/product_page run`."""

import os
from typing import cast

import redis
from flask import Flask, abort, render_template_string

app = Flask(__name__)
PAGE = """<!doctype html><html lang="en"><title>{{ product_id }}</title><h1>{{ product_id }}</h1>
<p>{{ m.average_rating }} of 5 stars from {{ m.review_count }} reviews, as of {{ m.as_of_date }}</p>
{% if m.is_rating_drop == "true" %}<p role="status">Recent ratings are lower.</p>{% endif %}</html>"""


@app.get("/product/<product_id>")
def product(product_id: str) -> str:
    """Return a product's page; 404 if the product has no reviews."""
    with redis.Redis.from_url(os.environ["REDIS_URL"], decode_responses=True) as cache:
        metrics = cast("dict[str, str]", cache.hgetall(f"product:{product_id}:metrics"))
    if not metrics:
        abort(404)
    return render_template_string(PAGE, product_id=product_id, m=metrics)
