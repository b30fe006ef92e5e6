//! From observations to figures: which facts count in which share, and the intervals over
//! scenarios.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::{
    Condition, ConditionFigures, ContextFigures, Corrected, Decay, Evidence, Observation, Parse,
    ParseCounts, Proportion, Retention, ScorerFigures,
};
use crate::scoring::{Interval, bootstrap, wilson};

/// Below this many facts right under S retention is undefined.
const FEWEST_FOR_RETENTION: usize = 10;

impl ContextFigures {
    /// The figures of `observations`, one for each probe planned, in any order. `seed` is that
    /// of the bootstrap.
    ///
    /// A is taken after the most distractor turns that occur, wherever no number is named.
    /// Figures of conditions that do not occur are undefined.
    pub fn of(observations: &[Observation], evidence: Evidence, seed: u64) -> Self {
        let of = |scorer| Table::new(observations, scorer, seed).figures();
        let (mut strict, mut weighed) = (of(written), of(weighed));
        let mut outcomes = BTreeMap::<_, ParseCounts>::new();
        for observation in observations {
            outcomes.entry(observation.condition).or_default().add(observation.parse);
        }
        let mut validity = evidence.failures();
        validity.extend(super::validity::blindness(&strict.by_condition, &outcomes));
        if !validity.is_empty() {
            strict.withhold();
            weighed.withhold();
        }
        let scenarios: BTreeSet<_> = observations.iter().map(|o| o.scenario).collect();
        Self {
            scenarios: scenarios.len(),
            validity,
            evidence,
            strict,
            weighed,
            outcomes_by_condition: outcomes,
        }
    }
}

/// A reply as a scorer reads it.
#[derive(Clone, Copy)]
struct Reply {
    /// The option it means, if it means one.
    option: Option<usize>,
}

/// A scorer: `None` where there is no reply to read.
type Scorer = fn(&Observation) -> Option<Reply>;

fn written(observation: &Observation) -> Option<Reply> {
    observation.parse.map(|parse| Reply { option: parse.option() })
}

fn weighed(observation: &Observation) -> Option<Reply> {
    observation.weighed.map(|option| Reply { option: Some(option) })
}

/// Observations as one scorer reads them.
struct Table<'a> {
    observations: &'a [Observation],
    scorer: Scorer,
    seed: u64,
    /// Under A: numbers of distractor turns, ascending.
    turns: Vec<usize>,
    /// Under A: by scenario, fact and turns.
    kept: HashMap<(u64, u64, usize), &'a Observation>,
}

impl<'a> Table<'a> {
    fn new(observations: &'a [Observation], scorer: Scorer, seed: u64) -> Self {
        let under_a = || observations.iter().filter(|o| o.condition == Condition::A);
        let turns: BTreeSet<_> = under_a().map(|o| o.distractors).collect();
        let kept = under_a().map(|o| ((o.scenario, o.fact, o.distractors), o)).collect();
        Self { observations, scorer, seed, turns: turns.into_iter().collect(), kept }
    }

    fn figures(&self) -> ScorerFigures {
        let asked: BTreeSet<_> = self.observations.iter().map(|o| o.condition).collect();
        let of = |condition| ConditionFigures {
            accuracy: Proportion::of(self.right(condition), self.seed),
            chance_corrected: self.corrected(condition),
        };
        let decay = self.turns.iter();
        ScorerFigures {
            retention: self.turns.last().map(|turns| self.retention(*turns)).unwrap_or_default(),
            decay: decay
                .map(|&distractors| Decay { distractors, retention: self.retention(distractors) })
                .collect(),
            context_use: self.corrected(Condition::E),
            self_consistency: self.self_consistency(),
            false_memory: self.false_memory(),
            contradiction: self.contradiction(),
            by_condition: asked.into_iter().map(|condition| (condition, of(condition))).collect(),
        }
    }

    /// What was asked under `condition`; under A after the most turns.
    fn under(&self, condition: Condition) -> impl Iterator<Item = &'a Observation> {
        let most = self.turns.last().copied();
        let counts = move |o: &&Observation| {
            o.condition == condition && (condition != Condition::A || Some(o.distractors) == most)
        };
        self.observations.iter().filter(counts)
    }

    fn option(&self, observation: &Observation) -> Option<usize> {
        (self.scorer)(observation)?.option
    }

    /// The replies to `condition`, and whether each is right.
    fn right(&self, condition: Condition) -> impl Iterator<Item = (u64, bool)> {
        let right =
            |o: &Observation| Some((o.scenario, (self.scorer)(o)?.option == Some(o.expected)));
        self.under(condition).filter_map(right)
    }

    fn retention(&self, turns: usize) -> Retention {
        let seen = self.under(Condition::S).filter(|o| self.option(o) == Some(o.expected));
        let kept = seen.filter_map(|o| {
            let later = self.kept.get(&(o.scenario, o.fact, turns))?;
            Some((o.scenario, (self.scorer)(later)?.option == Some(later.expected)))
        });
        let share = Proportion::of(kept, self.seed);
        let defined = share.denominator >= FEWEST_FOR_RETENTION;
        Retention {
            value: share.value.filter(|_| defined),
            correct_in_both: share.numerator,
            correct_in_s: share.denominator,
            interval: share.interval.filter(|_| defined),
        }
    }

    fn self_consistency(&self) -> Proportion {
        let agrees = |o: &Observation| Some((o.scenario, o.claimed? == self.option(o)?));
        Proportion::of(self.under(Condition::A).filter_map(agrees), self.seed)
    }

    fn false_memory(&self) -> Proportion {
        let absent = self.under(Condition::A).filter(|o| o.absent == Some(true));
        // Of yes and no the right option is "no": any other says that the thing is there.
        let affirmed = |o: &Observation| Some((o.scenario, self.option(o)? != o.expected));
        Proportion::of(absent.filter_map(affirmed), self.seed)
    }

    fn contradiction(&self) -> Proportion {
        let fewest = self.turns.first().copied().filter(|_| self.turns.len() > 1);
        let last = self.under(Condition::A).filter_map(|o| {
            let first = self.kept.get(&(o.scenario, o.fact, fewest?))?;
            Some((o.scenario, self.option(first)? != self.option(o)?))
        });
        Proportion::of(last, self.seed)
    }

    fn corrected(&self, condition: Condition) -> Corrected {
        let mut clusters = BTreeMap::<u64, [f64; 4]>::new();
        for (at, of) in [(0, condition), (2, Condition::N)] {
            for (scenario, right) in self.right(of) {
                let counts = clusters.entry(scenario).or_default();
                counts[at] += f64::from(u8::from(right));
                counts[at + 1] += 1.0;
            }
        }
        let clusters: Vec<_> = clusters.into_values().collect();
        let sums = |at: usize| clusters.iter().map(|counts| counts[at]).sum::<f64>();
        let floor = ratio(sums(2), sums(3));
        let interval = bootstrap(&clusters, self.seed, |[right, of, floor, floor_of]| {
            beyond(ratio(*right, *of)?, ratio(*floor, *floor_of)?)
        });
        // Where all scenarios agree, the bootstrap alone has too little width, or none.
        let accuracy = unanimous(clusters.iter().map(|counts| [counts[0], counts[1]]));
        let wider = accuracy.and_then(|accuracy| {
            Some(Interval {
                low: beyond(accuracy.low, floor?)?,
                high: beyond(accuracy.high, floor?)?,
            })
        });
        Corrected {
            value: ratio(sums(0), sums(1)).and_then(|accuracy| beyond(accuracy, floor?)),
            interval: interval.map(|interval| match wider {
                Some(wider) => Interval {
                    low: wider.low.min(interval.low),
                    high: wider.high.max(interval.high),
                },
                None => interval,
            }),
        }
    }
}

impl Proportion {
    /// The share of `cases` that count, each with its cluster (scenario or image).
    ///
    /// The interval is the [`bootstrap`] over clusters. Where all of them have the same share, it
    /// would have no width; it is then the Wilson interval of as many trials as clusters.
    pub(super) fn of(cases: impl IntoIterator<Item = (u64, bool)>, seed: u64) -> Self {
        let mut clusters = BTreeMap::<u64, [f64; 2]>::new();
        let (mut numerator, mut denominator) = (0, 0);
        for (cluster, counts) in cases {
            let [count, of] = clusters.entry(cluster).or_default();
            *count += f64::from(u8::from(counts));
            *of += 1.0;
            numerator += usize::from(counts);
            denominator += 1;
        }
        let clusters: Vec<_> = clusters.into_values().collect();
        let interval = unanimous(clusters.iter().copied())
            .or_else(|| bootstrap(&clusters, seed, |[count, of]| ratio(*count, *of)));
        Self {
            value: ratio(numerator as f64, denominator as f64),
            numerator,
            denominator,
            interval,
        }
    }

    /// The counts without the share.
    pub(super) fn withheld(self) -> Self {
        Self { value: None, interval: None, ..self }
    }
}

/// The interval of clusters, each `[count, of]`, that all have the same share; `None` where they
/// differ or are fewer than two.
fn unanimous(clusters: impl Iterator<Item = [f64; 2]>) -> Option<Interval> {
    let mut shares = clusters.filter_map(|[count, of]| ratio(count, of));
    let share = shares.next()?;
    let (agree, total) =
        shares.fold((true, 1), |(agree, total), it| (agree && it == share, total + 1));
    (agree && total > 1).then(|| wilson(share, total)).flatten()
}

fn ratio(count: f64, of: f64) -> Option<f64> {
    (of > 0.0).then(|| count / of)
}

/// K: what `accuracy` is beyond the accuracy of guessing, of what is left to reach.
fn beyond(accuracy: f64, floor: f64) -> Option<f64> {
    ratio(accuracy - floor, 1.0 - floor)
}

impl ScorerFigures {
    /// Takes away what only a valid test can say.
    fn withhold(&mut self) {
        let decay = self.decay.iter_mut().map(|decay| &mut decay.retention);
        for retention in decay.chain([&mut self.retention]) {
            (retention.value, retention.interval) = (None, None);
        }
        let corrected = self.by_condition.values_mut().map(|figures| &mut figures.chance_corrected);
        for corrected in corrected.chain([&mut self.context_use]) {
            *corrected = Corrected::default();
        }
        self.self_consistency = self.self_consistency.withheld();
        self.contradiction = self.contradiction.withheld();
    }
}

impl ParseCounts {
    fn add(&mut self, parse: Option<Parse>) {
        let count = match parse {
            None => &mut self.no_reply,
            Some(Parse::Chosen { .. }) => &mut self.chosen,
            Some(Parse::Empty) => &mut self.empty,
            Some(Parse::Echo) => &mut self.echo,
            Some(Parse::Refused) => &mut self.refused,
            Some(Parse::Truncated) => &mut self.truncated,
            Some(Parse::Ambiguous) => &mut self.ambiguous,
            Some(Parse::Unparsed) => &mut self.unparsed,
        };
        *count += 1;
    }

    /// All of them that came.
    pub fn replies(&self) -> usize {
        let named = self.chosen + self.ambiguous;
        named + self.empty + self.echo + self.refused + self.truncated + self.unparsed
    }
}

#[cfg(test)]
mod tests;
