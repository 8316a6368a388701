"""The API by its own description: whatever is sent that fits it or nearly fits it, answers are as described."""

from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import HealthCheck, Phase, given, settings

pytest.importorskip("schemathesis", reason="schemathesis is not installed (pip install schemathesis)")
import schemathesis
from schemathesis.checks import not_a_server_error
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from loadsense.store.importing import SensorFile, import_session
from loadsense.web.app import create_app
from loadsense.web.context import Dashboard
from loadsense.web.guard import COOKIE

SAMPLES = Path(__file__).parents[2] / "sample_recordings"
CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
ORIGIN = "http://localhost"
#: How fast answers come is measured elsewhere, on a machine that is not busy.
WAIT_S = 300.0


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def database(request):
    """What one database forgives the other may not."""
    return request.getfixturevalue(f"{request.param}_place")


@pytest.fixture(scope="module")
def signed_in(store, client):
    """What a coach's browser sends, with a session of p017 there to be asked for."""
    file = SensorFile(path=SAMPLES / "simulated-stage-1-hip.csv.gz", placement="hip", reading={"range_g": 16})
    import_session(store, "p017", [file], by_user=1)
    return {"cookie": f"{COOKIE}={client('coach').cookies[COOKIE]}", "origin": ORIGIN, "host": "localhost"}


#: The description needs a place, and no store.
API = schemathesis.openapi.from_dict(create_app(Dashboard(store=SimpleNamespace(folder=Path()))).openapi())
OPERATIONS = [found.ok() for found in API.get_all_operations()]

QUICK = settings(
    max_examples=10,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda one: one.label)
def test_answers_are_as_described(operation, app, signed_in):
    operation.app = app
    given(_cases(operation))(QUICK(lambda case: _ask(case, signed_in)))()


@pytest.mark.soak
@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda one: one.label)
def test_answers_are_as_described_for_long(operation, app, signed_in):
    operation.app = app
    longer = settings(QUICK, max_examples=500, derandomize=False)
    given(_cases(operation))(longer(lambda case: _ask(case, signed_in)))()


def _cases(operation):
    """As described, and not quite."""
    as_described = operation.as_strategy(generation_mode=GenerationMode.POSITIVE)
    return as_described | operation.as_strategy(generation_mode=GenerationMode.NEGATIVE)


def _ask(case, signed_in):
    """Ask for what is there as often as for what is not, as the coach."""
    for name, there in (("person_id", "p017"), ("session_id", 1), ("flag_id", 1), ("correction_id", 1)):
        if name in case.path_parameters and len(str(case.path_parameters[name])) % 2:
            case.path_parameters[name] = there
    if "sensor" in case.query and case.query["sensor"] != "":
        case.query["sensor"] = "hip"
    answer = case.call(headers={**(case.headers or {}), **signed_in}, timeout=WAIT_S)
    case.validate_response(answer, checks=CHECKS)
