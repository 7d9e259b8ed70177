"""The cache of product metrics: what marts.product_metrics says, in Redis, for pages that cannot wait for a warehouse.

    product:{product_id}:metrics   hash: every column of the product's row, as text
    products:as_of                 as_of_date of these rows
    products:ids                   set of the cached product ids, so that those who vanish are found without a scan

Values: dates as YYYY-MM-DD, booleans as true and false, numbers in plain decimals with the scale of their column; a null
is a field that is not there. Every key has a time to live: when the pipeline stands still, old numbers disappear.
"""

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from itertools import batched
from typing import Any

from pipeline_errors import CacheUnavailableError
from pipeline_settings import settings
from warehouse.connection import connect

logger = logging.getLogger(__name__)
