"""The verbs about people: athlete, plan, report, forget, backup, restore.

Nothing of weight is imported before one of them runs. They work on the same store as `serve`, also while it serves.
"""

from __future__ import annotations

import typer

from loadsense.people_cli.athletes import athlete
from loadsense.people_cli.forgetting import forget
from loadsense.people_cli.keeping import backup, restore
from loadsense.people_cli.papers import report
from loadsense.people_cli.plans import plan


def register(app: typer.Typer) -> None:
    """Add the verbs about people to the command line."""
    app.add_typer(athlete, name="athlete", epilog="Example: loadsense athlete add p017 --body-mass-kg 63.1")
    app.add_typer(plan, name="plan", epilog="Example: loadsense plan set p017 --plan hirit --stage stage-1")
    app.add_typer(report, name="report", epilog="Example: loadsense report letter p017 --weeks 12 -o letter.pdf")
    app.command(epilog="Example: loadsense forget p017")(forget)
    app.command(epilog="Example: loadsense backup -o loadsense-november.zip")(backup)
    app.command(epilog="Example: loadsense restore loadsense-november.zip --folder restored/")(restore)
