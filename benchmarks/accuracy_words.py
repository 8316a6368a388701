"""The sentences of the page on accuracy that no run can measure."""

HEAD = """\
# Accuracy

Written by `python benchmarks/accuracy.py --write docs/accuracy.md`; nothing here is edited by hand. Intervals
are 95 %: Wilson's for shares, exact Poisson for events per hour, drawn again for means. Events of one recording
or person come together, so the intervals are narrower than the truth. The recordings are public research data
that the project does not ship; the scorer is run through the public interface (`loadsense.read`,
`loadsense.analyze`).

**The constants of the detectors were chosen looking at these recordings.** No figure below, except where it
says "left out" and then only for the part that was learnt again, is a test on people the method has never seen.
Expect worse.

Simple rules beside ours: `flight` is |a| below 0.6 g for 80 ms, then above 1.8 g within 0.35 s; `peaks3g` is
peaks above 3 g, 0.4 s apart; `peakcount` is peaks of the smoothed main axis. "Tried method" is the earlier
prototype on the same recordings.
"""

TRUTH = """\
- **Waist jumps** (SisFall): each file holds two jumps, seen on plots; their times come from a rule on |a| and
  are good to about 30 ms. The jumps are gentle, some landings are smaller than their own take-off.
- **Pocket hops** (MobiFall, Phyphox): automatic counts, good to 3 (MobiFall) or 2 (Phyphox) a file, never
  verified. A count hides one miss beside one false landing. MobiFall is recorded at +-2 g: every peak is
  clipped.
- **Wrist jumps**: nine of one person with times (Teva, windows by eye); one per file of ten people without a
  time (WEDA-FALL).
- **Barbell sets** (Ebbelaar): *nominal* repetitions, 5 or 10, not counted; by eye ten of 34 sets differ from
  them, so about 71 % exact and 88 % within one is what a perfect counter would score. Two people; one has no
  deadlift and one squat.
- **Gym sets** (MUVR): one lifter's own count, often the planned number. 29 of 112 files have lost packets, one
  more cannot hold its number in its 2.0 s, in four both arms were counted, two look mislabelled.
- **Negatives**: true by the label of the whole file.
- **Running force** (Alcantara): measured by a plate; one runner.
"""

HELD = """\
*Learnt* is one thing: the four weights and the cut of the train score, which tells hops from running where
landings follow one another (`benchmarks/train_landings.py`). It is learnt again here without each person, and
in two folds of people. *Postures* of the named lifts are constants; here they are taken again from the other
person's sets (their spreads, pace and skewness stay). *Not held out*: every other threshold of landings
(deficits, turn, rhythm, impulses, the wrist's rule), every constant of sets and repetitions, the features
themselves, and the rounding of the shipped weights. They were chosen looking at these recordings, and no fold
can undo that. Two folds learn from three or four people who hop: what is lost there is what more people would
bring.
"""

SIMULATED = """\
The motion is made from velocities that must balance (`loadsense.simulate`), recorded at 100 Hz and +-16 g
unless said otherwise. It knows no clothes, no double bounces, no spread of people: these figures show where the
detector's own limits lie, not what it does on people. Inside a declared landing
block lower drops are looked for than elsewhere; they are marked as untested on people.
"""

NOT_KNOWN = """\
- **Drop landings of people.** No recording here holds one, at any height. They are simulated only, and
  LIFTMOR's kind of landing is the product's first use.
- **The people it is for.** Nobody here is known to have osteopenia or osteoporosis; the older people (two
  of SisFall, eight of WEDA-FALL) walk, sit and climb stairs: none of them jumps.
- **Hopping at the waist, rope skipping, one-legged hops**: no recording. At the waist, series are simulated
  only.
- **Jumps at hip, back, sacrum, chest, hand and bag** with a truth: none at the first five, one counted
  recording in the hand. What is said there rests on the waist and the pocket.
- **Running beyond jogging**: one runner at the hip, one at the sacrum.
- **Ball games and dance**: no truth. Leaps inside them are flights with an impact and will be counted.
- **Stumbles** are single real flights with a hard impact: part of them cannot be told from small jumps.
- **Deadlift of an unseen person**: only one person here deadlifts. Which way a watch sits on the arm is
  assumed, declared or learnt from the hanging arm, and how often that learning is right is not known.
- **Exact counts of repetitions**: no set was counted on video.
- **Heavy sets with pauses**: no recording holds them with a truth. The simulated ones above sway between the
  repetitions and have gestures after them; nobody knows whether people at a bar sway so. Partial repetitions and
  re-racking are seen by chance only.
- **A day at the wrist**: the recordings without lifts are short and scripted; housework is not among them.
- **Time of initial contact, loading rate and force of landings**: no force plate under any landing here.
- **Small numbers**: many targets rest on fewer than ten events. A target that is met by one event is not
  thereby won.
"""
