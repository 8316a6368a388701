"""A process that a Dask nanny started keeps the memory that it will ask for again."""

import os
import subprocess
import sys

import pytest

WORK = """
import resource, sys
import numpy as np
from loadsense.cohort.allocator import keep_freed_memory
if sys.argv[1] == "keep":
    keep_freed_memory()
for _ in range(200):
    np.ones(400_000)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt)
"""


def page_faults(how: str) -> int:
    environment = {**os.environ, "MALLOC_TRIM_THRESHOLD_": "65536"}  # what distributed gives its workers
    done = subprocess.run(
        [sys.executable, "-c", WORK, how], env=environment, capture_output=True, text=True, check=True
    )
    return int(done.stdout)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="glibc alone hands memory back so eagerly")
def test_freed_memory_is_kept_for_the_next_block():
    assert page_faults("leave") > 200 * 500  # 3.2 MB of pages, each time anew
    assert page_faults("keep") < page_faults("leave") / 4
