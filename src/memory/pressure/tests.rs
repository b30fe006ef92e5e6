//! The table row by row, and what holds for any script.

use proptest::prelude::*;

use super::*;
use crate::memory::{MemoryReading, ProcessMemory, Stall, SystemMemory};

const BUDGET: u64 = 1000 << 20;

const fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

/// A calm machine and `share` percent of the budget in use.
fn using(share: u64) -> MemorySample {
    let system = SystemMemory {
        total_bytes: 16 << 30,
        available_bytes: 8 << 30,
        used_bytes: 8 << 30,
        pressure: Some(SystemPressure::Normal),
        ..SystemMemory::default()
    };
    MemorySample {
        allocator: MemoryReading {
            active_bytes: percent(BUDGET, share),
            ..MemoryReading::default()
        },
        system: Some(system),
        ..MemorySample::default()
    }
}

fn with(change: impl Fn(&mut SystemMemory)) -> MemorySample {
    let mut sample = using(10);
    change(sample.system.as_mut().unwrap());
    sample
}

fn first(sample: &MemorySample, need: Option<u64>, refused: bool) -> Level {
    PressureDetector::new(BUDGET).observe(Duration::ZERO, sample, need, refused)
}

#[test]
fn each_sign_enters_its_level() {
    let enters = |sample: &MemorySample| first(sample, None, false);
    let shares = [74, 75, 84, 85, 94, 95].map(|share| enters(&using(share)));
    use Level::{Critical, Elevated, High, Normal};
    assert_eq!(shares, [Normal, Elevated, Elevated, High, High, Critical]);
    let says = |word| enters(&with(|it| it.pressure = Some(word)));
    assert_eq!(says(SystemPressure::Warning), Elevated);
    assert_eq!(says(SystemPressure::Critical), Critical);
    let stalled = |some, full| enters(&with(|it| it.stall = Some(Stall { some, full })));
    assert_eq!(
        [stalled(5.0, 10.0), stalled(5.1, 0.0), stalled(0.0, 10.1)],
        [Normal, Elevated, Critical]
    );
    let needs = |share| first(&using(50), Some(percent(BUDGET, share)), false);
    assert_eq!([needs(40), needs(41), needs(50), needs(51)], [Normal, Elevated, Elevated, High]);
    assert_eq!(first(&using(10), None, true), Critical);
}

#[test]
fn the_footprint_counts_where_it_is_larger_than_what_mlx_says() {
    let process =
        ProcessMemory { footprint_bytes: Some(percent(BUDGET, 90)), ..ProcessMemory::default() };
    assert_eq!(first(&MemorySample { process, ..using(10) }, None, false), Level::High);
}

#[test]
fn swapping_counts_by_its_growth_in_a_minute() {
    let swapped = |mib: u64| with(|it| it.swap_used_bytes = mib << 20);
    let mut detector = PressureDetector::new(BUDGET);
    let mut at = |second, mib| detector.observe(seconds(second), &swapped(mib), None, false);
    assert_eq!(at(0, 5000), Level::Normal);
    assert_eq!(at(30, 5256), Level::Normal);
    assert_eq!(at(59, 5257), Level::Elevated);
}

/// Holds `level` while `keeps` percent are in use, and leaves it for `to` below that.
fn leaves(level: Level, keeps: u64, to: Level) {
    let mut detector = PressureDetector::new(BUDGET).starting_at(level, Duration::ZERO);
    for second in 1..100 {
        assert_eq!(detector.observe(seconds(second), &using(keeps), None, false), level);
    }
    let levels = [100, 101, 102]
        .map(|second| detector.observe(seconds(second), &using(keeps - 1), None, false));
    assert_eq!(levels, [level, level, to]);
}

#[test]
fn a_level_is_left_well_below_where_it_was_entered_and_after_three_samples() {
    leaves(Level::Elevated, 65, Level::Normal);
    leaves(Level::High, 75, Level::Elevated);
    leaves(Level::Critical, 80, Level::High);
}

#[test]
fn a_system_that_warns_keeps_a_process_from_leaving_critical() {
    let mut detector = PressureDetector::new(BUDGET).starting_at(Level::Critical, Duration::ZERO);
    let warns = with(|it| it.pressure = Some(SystemPressure::Warning));
    for second in 1..100 {
        assert_eq!(detector.observe(seconds(second), &warns, None, false), Level::Critical);
    }
}

#[test]
fn levels_stay_for_half_a_minute_but_critical_does_not_wait() {
    let mut detector = PressureDetector::new(BUDGET);
    let mut at = |second, share| detector.observe(seconds(second), &using(share), None, false);
    assert_eq!(at(0, 80), Level::Elevated);
    assert_eq!(at(1, 90), Level::Elevated);
    assert_eq!(at(2, 96), Level::Critical);
    for second in 3..32 {
        assert_eq!(at(second, 10), Level::Critical);
    }
    assert_eq!(at(32, 10), Level::Normal);
}

/// One sample of a random script: milliseconds since the last, sample, need, refused.
type Moment = (u64, MemorySample, Option<u64>, bool);

fn moment() -> impl Strategy<Value = Moment> {
    let pressure = prop_oneof![
        8 => Just(None),
        4 => Just(Some(SystemPressure::Normal)),
        2 => Just(Some(SystemPressure::Warning)),
        1 => Just(Some(SystemPressure::Critical)),
    ];
    let stall = prop::option::weighted(0.3, (0.0..12.0, 0.0..12.0));
    let need = prop::option::weighted(0.2, 0..BUDGET);
    let refused = prop::bool::weighted(0.02);
    (0..12_000u64, 0..=100u64, pressure, stall, 0..2000u64, need, refused).prop_map(
        |(wait, share, pressure, stall, swap, need, refused)| {
            let mut sample = using(share);
            if let Some(system) = &mut sample.system {
                system.pressure = pressure;
                system.stall = stall.map(|(some, full)| Stall { some, full });
                // Mostly no growth.
                system.swap_used_bytes = if swap < 1700 { 0 } else { swap << 20 };
            }
            (wait, sample, need, refused)
        },
    )
}

/// Whether this sample alone asks for critical, said otherwise than the detector says it.
fn says_critical((_, sample, _, refused): &Moment) -> bool {
    let system = sample.system.unwrap_or_default();
    *refused
        || sample.allocator.active_bytes as f64 >= 0.95 * BUDGET as f64
        || system.pressure == Some(SystemPressure::Critical)
        || system.stall.is_some_and(|stall| stall.full > 10.0)
}

/// The detector after the script, the time, and every level it had.
fn played(script: &[Moment]) -> (PressureDetector, Duration, Vec<(Duration, Level)>) {
    let mut detector = PressureDetector::new(BUDGET);
    let (mut at, mut levels) = (Duration::ZERO, Vec::with_capacity(script.len()));
    for (wait, sample, need, refused) in script {
        at += Duration::from_millis(*wait);
        levels.push((at, detector.observe(at, sample, *need, *refused)));
    }
    (detector, at, levels)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    #[test]
    fn changes_are_half_a_minute_apart_unless_the_later_enters_critical(
        script in prop::collection::vec(moment(), 1..60),
    ) {
        let (mut last, mut changed) = (Level::Normal, None::<Duration>);
        for (at, level) in played(&script).2 {
            if level == last {
                continue;
            }
            let apart = changed.map(|changed| at - changed);
            prop_assert!(
                level == Level::Critical || apart.is_none_or(|apart| apart >= DWELL),
                "{last} to {level} after {apart:?}"
            );
            (last, changed) = (level, Some(at));
        }
    }

    #[test]
    fn critical_is_entered_with_the_first_sample_that_says_so(
        script in prop::collection::vec(moment(), 1..60),
    ) {
        for (moment, (at, level)) in script.iter().zip(played(&script).2) {
            prop_assert!(!says_critical(moment) || level == Level::Critical, "{level} at {at:?}");
        }
    }

    #[test]
    fn good_samples_end_at_normal_in_a_bounded_time(
        script in prop::collection::vec(moment(), 1..60),
    ) {
        let (mut detector, end, _) = played(&script);
        // The swap's minute, half a minute since the last change, three samples.
        let bound = swap::WINDOW + DWELL + seconds(GOOD_SAMPLES as u64);
        let mut at = end;
        while at < end + bound {
            at += seconds(1);
            detector.observe(at, &using(64), None, false);
        }
        for _ in 0..100 {
            at += seconds(1);
            prop_assert_eq!(detector.observe(at, &using(64), None, false), Level::Normal);
        }
    }

    #[test]
    fn a_worse_sample_never_gives_a_better_level(
        script in prop::collection::vec(moment(), 1..60),
        worse in (0..50u64, any::<bool>(), any::<bool>(), 0.0..9.0, 0..BUDGET, 0..500u64),
    ) {
        let (last, before) = script.split_last().unwrap();
        let (mut detector, at, _) = played(before);
        let mut other = detector.clone();
        let (wait, mut sample, need, refused) = last.clone();
        let at = at + Duration::from_millis(wait);
        let level = detector.observe(at, &sample, need, refused);
        let (share, warns, refuses, stalled, needed, swapped) = worse;
        sample.allocator.active_bytes += percent(BUDGET, share);
        if let Some(system) = &mut sample.system {
            let warned = warns.then_some(SystemPressure::Warning);
            system.pressure = system.pressure.max(warned);
            let Stall { some, full } = system.stall.unwrap_or(Stall { some: 0.0, full: 0.0 });
            system.stall = Some(Stall { some: some + stalled, full: full + stalled });
            system.swap_used_bytes += swapped << 20;
        }
        let need = Some(need.unwrap_or_default() + needed);
        prop_assert!(other.observe(at, &sample, need, refused || refuses) >= level);
    }
}
