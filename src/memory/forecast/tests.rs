use proptest::prelude::*;
use rand_chacha::{
    ChaCha8Rng,
    rand_core::{Rng, SeedableRng},
};

use super::*;

/// A number in `0..1`.
fn chance(dice: &mut ChaCha8Rng) -> f64 {
    f64::from(dice.next_u32()) / f64::from(u32::MAX)
}

/// A question about an image of some size, as a tiled model sees it.
fn question(dice: &mut ChaCha8Rng) -> Need {
    let frames = 1 + (chance(dice) * 16.0) as usize;
    let image_tokens = frames * 64;
    let prompt_tokens = image_tokens + 20 + (chance(dice) * 200.0) as usize;
    Need {
        prompt_tokens,
        image_tokens,
        run_tokens: prompt_tokens,
        frames,
        chunk: 512,
        kv_bytes: prompt_tokens.div_ceil(256) as u64 * 256 * 80_000,
        ..Need::default()
    }
}

/// What it takes: linear, with noise of so large a share.
fn takes(need: &Need, noise: f64, dice: &mut ChaCha8Rng) -> u64 {
    let scores = (need.chunk.min(need.run_tokens) * need.prompt_tokens) as f64;
    let activations =
        20e6 + 3e6 * need.frames as f64 + 12_000.0 * need.image_tokens as f64 + 60.0 * scores;
    need.kv_bytes + (activations * (1.0 + noise * (2.0 * chance(dice) - 1.0))) as u64
}

#[test]
fn after_ten_questions_nine_of_ten_forecasts_are_within_a_fifth() {
    for noise in [0.0, 0.03, 0.06] {
        let mut errors = Vec::new();
        for seed in 0..100 {
            let mut dice = ChaCha8Rng::seed_from_u64(seed);
            let mut forecaster = Forecaster::new();
            for number in 0..40 {
                let need = question(&mut dice);
                let taken = takes(&need, noise, &mut dice);
                if number >= COLD {
                    let forecast = forecaster.forecast(&need).need_bytes as f64;
                    errors.push((forecast / taken as f64 - 1.0).abs());
                }
                forecaster.learn(&need, taken);
            }
        }
        errors.sort_by(f64::total_cmp);
        let ninetieth = errors[errors.len() * 9 / 10];
        assert!(ninetieth <= 0.20, "noise {noise}: {ninetieth}");
    }
}

#[test]
fn a_forecast_is_seldom_below_what_a_question_takes() {
    let (mut below, mut all) = (0, 0);
    for seed in 0..100 {
        let mut dice = ChaCha8Rng::seed_from_u64(seed);
        let mut forecaster = Forecaster::new();
        for number in 0..40 {
            let need = question(&mut dice);
            let taken = takes(&need, 0.03, &mut dice);
            if number >= COLD {
                all += 1;
                below += usize::from(forecaster.forecast(&need).need_bytes < taken);
            }
            forecaster.learn(&need, taken);
        }
    }
    assert!(below * 100 <= all, "{below} of {all}");
}

#[test]
fn the_first_question_is_forecast_from_the_shape_of_the_model_the_next_from_the_largest_seen() {
    let mut forecaster = Forecaster::new();
    let small = Need { kv_bytes: 100, activation_bytes: 1000, ..Need::default() };
    let large = Need { activation_bytes: 4000, ..small };
    assert_eq!(forecaster.forecast(&small).need_bytes, 1100);
    forecaster.learn(&small, 100 + 500);
    let after_one = |need| forecaster.forecast(need).activation_bytes;
    // Half of what the shape said, for both: that is the ratio now known.
    assert_eq!((after_one(&small), after_one(&large)), (500, 2000));
    let text = Need { activation_bytes: 10, ..small };
    assert_eq!(after_one(&text), 500);
}

#[test]
fn a_model_that_states_nothing_is_forecast_from_what_was_measured() {
    let mut forecaster = Forecaster::new();
    let need = Need { kv_bytes: 10, ..Need::default() };
    assert_eq!(forecaster.forecast(&need).need_bytes, 10);
    for measured in [700, 900, 800] {
        forecaster.learn(&need, 10 + measured);
    }
    let forecast = forecaster.forecast(&need);
    assert_eq!((forecast.activation_bytes, forecast.kv_bytes, forecast.samples), (900, 10, 3));
}

/// Ten questions by which one estimate is four times too small: the weight is learned.
#[test]
fn a_wrong_estimate_of_the_shape_is_corrected() {
    let mut forecaster = Forecaster::new();
    let need = |stated| Need { activation_bytes: stated, ..Need::default() };
    for stated in 1..=10 {
        forecaster.learn(&need(stated * 1000), stated * 4000);
    }
    let far = forecaster.forecast(&need(50_000)).need_bytes as f64;
    assert!((far / 220_000.0 - 1.0).abs() < 0.02, "{far}");
}

#[test]
fn many_small_questions_do_not_blow_up_the_forecast_of_a_large_one() {
    let large = Need { activation_bytes: 400, frames: 3, image_tokens: 200, ..Need::default() };
    let small = Need { activation_bytes: 4, image_tokens: 200, ..Need::default() };
    let larger = Need { activation_bytes: 533, frames: 5, image_tokens: 330, ..Need::default() };
    let mut forecaster = Forecaster::new();
    forecaster.learn(&large, 450_000_000);
    for number in 0..19 {
        forecaster.learn(&small, 4_000_000 + 100_000 * (number % 7));
    }
    let again = forecaster.forecast(&large).need_bytes;
    assert!((450_000_000..=500_000_000).contains(&again), "{again}");
    let first = forecaster.forecast(&larger).need_bytes;
    assert!((590_000_000..=662_000_000).contains(&first), "{first}");
}

fn any_need() -> impl Strategy<Value = Need> {
    let counts = (0..100_000usize, 0..100_000usize, 0..100_000usize, 0..200usize, 0..2048usize);
    (counts, any::<u64>(), any::<u64>()).prop_map(|(counts, kv_bytes, activation_bytes)| {
        let (prompt_tokens, image_tokens, run_tokens, frames, chunk) = counts;
        Need {
            prompt_tokens,
            image_tokens,
            run_tokens,
            frames,
            chunk,
            kv_bytes: kv_bytes >> 20,
            activation_bytes: activation_bytes >> 12,
            ..Need::default()
        }
    })
}

proptest! {
    #[test]
    fn a_forecast_is_at_least_its_keys_and_values_and_grows_with_them(
        seen in prop::collection::vec((any_need(), any::<u64>()), 0..150),
        need in any_need(),
        more in 0..1u64 << 40,
    ) {
        let mut forecaster = Forecaster::new();
        for (need, taken) in &seen {
            forecaster.learn(need, taken >> 16);
        }
        let forecast = forecaster.forecast(&need);
        prop_assert_eq!(forecast.need_bytes, forecast.kv_bytes + forecast.activation_bytes);
        let larger = forecaster.forecast(&Need { kv_bytes: need.kv_bytes + more, ..need });
        prop_assert_eq!(larger.need_bytes, forecast.need_bytes + more);
        prop_assert_eq!(forecast.samples, seen.len().min(REMEMBERED));
    }

    #[test]
    fn no_term_lowers_a_forecast(
        seen in prop::collection::vec((any_need(), any::<u64>()), 10..30),
        need in any_need(),
        more in any_need(),
    ) {
        let mut forecaster = Forecaster::new();
        for (need, taken) in &seen {
            forecaster.learn(need, taken >> 16);
        }
        let larger = Need {
            prompt_tokens: need.prompt_tokens + more.prompt_tokens,
            image_tokens: need.image_tokens + more.image_tokens,
            run_tokens: need.run_tokens + more.run_tokens,
            frames: need.frames + more.frames,
            activation_bytes: need.activation_bytes + more.activation_bytes,
            ..need
        };
        prop_assert!(
            forecaster.forecast(&larger).activation_bytes
                >= forecaster.forecast(&need).activation_bytes
        );
    }
}
