"""Hold the engine with compiled loops to the engine without them, on as many recordings as one likes: the same events.

    python benchmarks/parity_kernels.py sample_recordings/*.csv.gz [FILE ...] [--placement hip]

Every event and the result of the recording are compared with ==, so a difference in the last bit is found.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import loadsense as ls
from loadsense import kernels


def said(path: Path, placement: str, loops: kernels.Kernels | None) -> object:
    """Every event and the result, or the words with which the file is refused."""
    kernels.force(loops)
    try:
        recording = ls.read(path, placement=placement)
        engine = ls.Engine(recording.info)
        events = [event for item in recording.blocks() for event in engine.push(item)]
        events += engine.flush()
    except ls.LoadSenseError as error:
        return str(error)
    return events, engine.result(recording.clock_quality)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--placement", default="hip")
    wanted = parser.parse_args()
    loops, refused, different = kernels.Kernels(), 0, []
    for path in wanted.files:
        without, with_loops = said(path, wanted.placement, None), said(path, wanted.placement, loops)
        refused += isinstance(without, str)
        if without != with_loops:
            different.append(path)
            print(f"different: {path}")
    print(f"{len(wanted.files)} files, {refused} refused alike, {len(different)} different")
    raise SystemExit(bool(different))


if __name__ == "__main__":
    main()
