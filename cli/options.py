"""Arguments and options that several commands share."""

from datetime import datetime
from enum import Enum
from typing import Annotated, Literal

import typer

from transformation.pipelines import PIPELINES

PipelineName = Enum("PipelineName", {pipeline.name: pipeline.name for pipeline in PIPELINES})  # type: ignore[misc]
Day = Annotated[datetime, typer.Argument(formats=["%Y-%m-%d"], metavar="DAY", show_default=False)]
Only = Annotated[
    list[PipelineName] | None, typer.Option("--pipeline", help="Only this pipeline. Repeat it for several.")
]
Wait = Annotated[float, typer.Option("--wait", help="Seconds to wait until the shop is healthy.", min=0)]
On = Annotated[
    Literal["postgres", "spark"],
    typer.Option("--engine", help="Engine for the orders' models: Postgres, or Spark for a large build."),
]
NoLookback = Annotated[
    bool, typer.Option("--no-lookback", help="Do not ask again for the days in lookback_days (shop.toml).")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print the summary as one JSON object.")]
