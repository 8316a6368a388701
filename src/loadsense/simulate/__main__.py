"""Make simulated recordings: ``python -m loadsense.simulate --samples sample_recordings``."""

from __future__ import annotations

import argparse
import sys

from loadsense.errors import LoadSenseError
from loadsense.simulate import SCENARIOS, write_samples, write_scenario


def main(arguments: list[str] | None = None) -> int:
    """Write the named scenarios, or every sample recording."""
    parser = argparse.ArgumentParser(prog="python -m loadsense.simulate", description=__doc__)
    parser.add_argument("scenario", nargs="*", help="one of: " + ", ".join(SCENARIOS))
    parser.add_argument("--output", default=".", help="folder for named scenarios")
    parser.add_argument("--seed", type=int, help="another person on another day")
    parser.add_argument("--samples", metavar="FOLDER", help="make every sample recording again in FOLDER")
    wanted = parser.parse_args(arguments)
    try:
        paths = write_samples(wanted.samples) if wanted.samples else []
        for name in wanted.scenario:
            paths += write_scenario(name, wanted.output, seed=wanted.seed)
    except LoadSenseError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    print("\n".join(str(path) for path in paths))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
