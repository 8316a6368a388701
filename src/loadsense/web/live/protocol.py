"""What a gateway may say of a session, and what a browser may ask: every field with its limits.

A gateway sends JSON objects. The first is `{"hello": {...}}`; the answer `{"welcome": n, "watch": [...]}` says how many
events of this session are here already, so that a gateway that comes back sends the others and none twice. After it:
`states`, `events` and `waves` in any number, and at last `{"end": true}`. The server says `{"got": n}` for events that
it has, `{"watch": [...]}` whose waveform somebody looks at, and `{"error": "..."}` before it hangs up.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from loadsense.errors import UserError

#: Characters of one message of a gateway, and of a browser.
GATEWAY_CHARS: Final = 1 << 17
VIEWER_CHARS: Final = 200
#: Messages of a gateway in a second in the long run, and at once (what it kept while the dashboard was away).
GATEWAY_PER_S: Final = 60.0
GATEWAY_BURST: Final = 240.0
MOST_PEOPLE: Final = 20

Pseudonym = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,31}$")]
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{1,60}$")]
Words = Annotated[str, Field(max_length=300)]
Count = Annotated[int, Field(ge=0, le=1_000_000)]
Seconds = Annotated[float, Field(ge=-60.0, le=1e7)]
Grams = Annotated[float, Field(ge=-10.0, le=1000.0)]
Rate = Annotated[float, Field(ge=0.0, le=1e6)]


class LiveRefusedError(UserError):
    """A message that cannot be used; `code` is that of the closed channel."""

    def __init__(self, sentence: str, code: int = 4400) -> None:
        super().__init__(sentence)
        self.code = code


class Fact(BaseModel):
    """Anything that is told: no field that nobody knows, no number that is none."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False, frozen=True)


class BlockFact(Fact):
    """The part of the plan that she is in."""

    name: Name
    done: Count
    asked: Count | None
    unit: Literal["sets", "landings"]
    by_hand: bool = False


class LastFact(Fact):
    """The landing that came last."""

    peak_net_g: Grams
    loading_rate_g_per_s: Rate | None
    band: Literal["below", "inside", "above", "no band"]
    evidence: Annotated[str, Field(max_length=80)]
    settled: bool
    clipped: bool


class PersonFact(Fact):
    """One line of the floor, as `loadsense.live.telling.person_line` tells it."""

    person: Pseudonym
    locked: Words | None
    block: BlockFact | None
    complete: bool
    landings_in_band: Count | None
    landings: Count
    target: Count | None
    sets: Count
    sets_asked: Count | None
    repetitions: Count
    last: LastFact | None
    age_s: Seconds | None
    lost_s: Seconds
    loss_observable: bool
    battery_percent: Annotated[int, Field(ge=0, le=100)] | None
    clipped: bool
    ended: bool
    notes: Annotated[tuple[Words, ...], Field(max_length=4)]


class EventFact(Fact):
    """A line of `loadsense stream --json` that is a landing, a repetition or a set, with its number."""

    n: Annotated[int, Field(ge=1, le=10_000_000)]
    at_s: Seconds
    person: Pseudonym
    sensor: Name
    earlier: bool = False
    kind: Literal["landing", "repetition", "set"]
    status: Literal["provisional", "settled", "withdrawn"]
    event_id: Name | None = None
    set_id: Name | None = None
    reason: Words | None = None
    exercise: Name | None = None
    landing_s: Seconds | None = None
    peak_s: Seconds | None = None
    peak_g: Grams | None = None
    peak_net_g: Grams | None = None
    loading_rate_g_per_s: Rate | None = None
    flight_s: Seconds | None = None
    start_s: Seconds | None = None
    end_s: Seconds | None = None
    repetitions: Count | None = None
    repetitions_are_at_least: bool | None = None
    clipped: bool | None = None
    truncated: bool | None = None


class WaveFact(Fact):
    """A stretch of |a| in mg, its first point `at_s` seconds after the sensor's first sample."""

    person: Pseudonym
    sensor: Name
    rate_hz: Annotated[float, Field(gt=0.0, le=4000.0)]
    at_s: Seconds
    mg: Annotated[list[Annotated[int, Field(ge=0, le=1_000_000)]], Field(min_length=1, max_length=4000)]


class HelloFact(Fact):
    """Who is streamed, by whom it does not matter: the token says it."""

    version: Literal[1]
    session: Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]
    people: Annotated[tuple[Pseudonym, ...], Field(min_length=1, max_length=MOST_PEOPLE)]


class GatewayMessage(Fact):
    """One message of a gateway."""

    hello: HelloFact | None = None
    states: Annotated[tuple[PersonFact, ...], Field(max_length=MOST_PEOPLE)] = ()
    events: Annotated[tuple[EventFact, ...], Field(max_length=200)] = ()
    waves: Annotated[tuple[WaveFact, ...], Field(max_length=MOST_PEOPLE)] = ()
    end: bool = False


class ViewerMessage(Fact):
    """What a browser asks: whose waveform."""

    watch: Pseudonym | None


def parsed(
    kind: type[GatewayMessage] | type[ViewerMessage], text: str, most_chars: int
) -> GatewayMessage | ViewerMessage:
    """A message, checked.

    Raises
    ------
    LiveRefusedError
        Too long, no JSON, or a field that is not as it must be.
    """
    if len(text) > most_chars:
        raise LiveRefusedError(
            f"a message of {len(text)} characters; expected {most_chars} at most: send less at once", 1009
        )
    try:
        return kind.model_validate_json(text)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "message"
        raise LiveRefusedError(
            f"a live message cannot be used: {where}: {first['msg'].lower()}; nothing of it was taken"
        ) from None
