"""Workers of a Dask cluster, for what outgrows one machine.

The scheduler must be running, its workers must have LoadSense installed and see the files and the output folder under
the same paths. When a worker dies the scheduler gives its files to another; a file over which more workers died than
the scheduler allows (`distributed.scheduler.allowed-failures`) becomes a row of `errors.csv`. One thread for each
worker (`dask worker --nthreads 1`) is fastest: analyzing is Python.
"""

from __future__ import annotations

import traceback
from collections.abc import Iterable, Iterator
from importlib import import_module
from itertools import islice
from typing import Any, Final

from loadsense.cohort.facts import FileTask, Outcome
from loadsense.cohort.failing import lost_worker
from loadsense.cohort.processes import outcome_of
from loadsense.cohort.work import analyze_file
from loadsense.errors import OptionError, WorldError

#: Seconds in which the scheduler must answer.
PATIENCE_S: Final = 20

#: Tasks on their way for each thread of the cluster: enough that none waits, few enough that none is lost for long.
_AHEAD: Final = 3
_LEAST_AHEAD: Final = 8


class DaskCluster:
    """Analyze files on a Dask cluster.

    Parameters
    ----------
    address : str
        Of the scheduler, such as tcp://10.0.0.5:8786.
    """

    def __init__(self, address: str) -> None:
        self._address = address

    @property
    def words(self) -> str:
        """What they are, for the record."""
        return f"Dask cluster at {self._address}"

    def run(self, tasks: Iterable[FileTask]) -> Iterator[tuple[FileTask, Outcome]]:
        """Outcomes in the order in which they come.

        Raises
        ------
        OutputError
            The results cannot be written.
        OptionError
            Dask is not installed.
        WorldError
            The scheduler does not answer, or went away.
        """
        client = self._connected()
        try:
            yield from self._run(client, tasks)
        finally:
            client.close(timeout=2)

    def _connected(self) -> Any:
        try:
            client = import_module("distributed").Client
        except ImportError:
            raise OptionError("--scheduler needs Dask; pip install 'loadsense[dask]'") from None
        try:
            return client(self._address, timeout=PATIENCE_S, set_as_default=False)
        except (OSError, ValueError) as fault:
            raise WorldError(
                f"no Dask scheduler answers at {self._address} within {PATIENCE_S} s ({fault}); start one with "
                "`dask scheduler` and give its address, such as tcp://10.0.0.5:8786"
            ) from None

    def _run(self, client: Any, tasks: Iterable[FileTask]) -> Iterator[tuple[FileTask, Outcome]]:
        waiting = iter(tasks)
        given: dict[str, FileTask] = {}

        def submit(task: FileTask) -> Any:
            future = client.submit(analyze_file, task, pure=False)
            given[future.key] = task
            return future

        completed = import_module("distributed").as_completed(
            [submit(task) for task in islice(waiting, _ahead(client))], loop=client.loop
        )
        for future in completed:
            task = given.pop(future.key)
            outcome = self._outcome(future)
            for following in islice(waiting, 1):
                completed.add(submit(following))
            yield task, outcome

    def _outcome(self, future: Any) -> Outcome:
        if future.status == "finished":
            outcome: Outcome = future.result()
            return outcome
        if future.status != "error":
            raise WorldError(
                f"the Dask scheduler at {self._address} went away; start it and the same command again: what is done "
                "stays done"
            )
        error = future.exception()
        if isinstance(error, import_module("distributed").KilledWorker):
            return Outcome(failure=lost_worker())
        return outcome_of(error, _trace(future))


def _ahead(client: Any) -> int:
    """Tasks to have on their way."""
    threads: int = sum(worker["nthreads"] for worker in client.scheduler_info(n_workers=-1)["workers"].values())
    return max(_LEAST_AHEAD, _AHEAD * threads)


def _trace(future: Any) -> str:
    return "".join(traceback.format_tb(future.traceback()))
