"""Recordings with known true events: what a sensor would record while a person follows a script.

A script is a list of things to do; a sensor has a placement, a rate, a range and faults; a seed makes it repeatable::

    from loadsense.simulate import DropLanding, Sensor, Stand, simulate_session

    made = simulate_session([Stand(), DropLanding(height_m=0.2)], sensor=Sensor(placement="hip"), seed=7)
    made.accel_g            # RAW g, shape (n, 3)
    made.truth.landings     # contact, peak, flight of each landing

What is modelled: free fall, push-off and landing with the velocities a flight needs, an impact with a chosen peak and
rise, ringing of soft tissue and strap, steps of walking and running, posture, sets of lifts; and of the sensor its
bandwidth, mounting, noise, counts, full scale, losses and time stamps. What is not: rotation of the sensor during
flight, the spread of real people, clothes, double bounces. A detector that works here is not thereby good on people.
"""

from loadsense.simulate.everyday import Fall, Knock, Rest, Run, SitDown, Stand, Walk
from loadsense.simulate.files import write, write_samples, write_scenario
from loadsense.simulate.landings import DropLanding, Hops, Jump, LandingShape
from loadsense.simulate.lifts import BarbellSet
from loadsense.simulate.motion import Canvas, Doing, Motion, Scene
from loadsense.simulate.scenarios import SCENARIOS, Dialect, Scenario, perform, scenario
from loadsense.simulate.sensor import Sensor, Simulated
from loadsense.simulate.session import simulate_session
from loadsense.simulate.truth import TrueLanding, TrueMoment, TrueSet, TrueStretch, Truth

__all__ = [
    "SCENARIOS",
    "BarbellSet",
    "Canvas",
    "Dialect",
    "Doing",
    "DropLanding",
    "Fall",
    "Hops",
    "Jump",
    "Knock",
    "LandingShape",
    "Motion",
    "Rest",
    "Run",
    "Scenario",
    "Scene",
    "Sensor",
    "Simulated",
    "SitDown",
    "Stand",
    "TrueLanding",
    "TrueMoment",
    "TrueSet",
    "TrueStretch",
    "Truth",
    "Walk",
    "perform",
    "scenario",
    "simulate_session",
    "write",
    "write_samples",
    "write_scenario",
]
