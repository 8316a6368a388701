"""Many files: folders, globs and object stores in; one dataset, a summary and a list of errors out.

Theory of operation. The coordinator finds the files, gives each its row of the manifest, and hands tasks to workers:
processes of this machine or a Dask cluster. A worker takes a file from its bytes to its Parquet files and returns the
row of `summary.csv`; the coordinator writes it to the journal. So a kill at any moment costs the files that were being
worked on and nothing else, and the same command goes on where it stopped. What a file comes to depends on its content
and its options only, so the dataset is the same, byte for byte, however many workers made it.

`run_batch` is the whole of it::

    from loadsense.cohort import BatchOptions, run_batch

    run = run_batch(["data/"], "out/", BatchOptions(manifest="people.csv", jobs=2))
    run.analyzed, run.skipped, run.errors
"""

from loadsense.cohort.batch import BatchOptions, BatchRun, Progress, run_batch
from loadsense.cohort.books import ERROR_COLUMNS, SUMMARY_COLUMNS
from loadsense.cohort.tables import TABLES

__all__ = ["ERROR_COLUMNS", "SUMMARY_COLUMNS", "TABLES", "BatchOptions", "BatchRun", "Progress", "run_batch"]
