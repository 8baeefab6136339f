//! `peal capacity` and the shards' admission agree: what the model says fits is admitted, and 1.3 times as much is not.

use call::admission::{Admission, Overload};
use peal_node::capacity::{Capacity, Load};

/// The most calls of this kind that fit into as many shards as `load` needs.
fn filled(load: Load) -> Load {
    let shards = Capacity::of(&load).shards;
    let fits = |calls: &u32| Capacity::of(&Load { calls: *calls, ..load }).shards == shards;
    let calls = (load.calls..).take_while(fits).last().expect("the load itself fits");
    Load { calls, ..load }
}

/// Whether one shard of those that `load` needs takes calls while it has `times` its part, and rings at its peak.
fn admits(load: &Load, times: f64) -> Result<(), Overload> {
    let capacity = Capacity::of(load);
    let part = times / f64::from(capacity.shards);
    let talking = f64::from(load.calls) * part;
    let ringing = capacity.cps * load.ring_s * part;
    let peak = (ringing + 3.0 * ringing.sqrt()).floor();
    // Of the calls that are up, so many end in the time in which one set-up ends.
    let ended = f64::from(load.calls) / load.talk_s / capacity.cps;
    let mut admission = Admission::new();
    (0..100).for_each(|_| admission.on_share((capacity.busy * part).min(1.0) as f32));
    let (mut answers, mut ends) = (0.0, 0.0);
    for _ in 0..8_000 {
        (answers, ends) = (answers + load.answer_rate, ends + ended);
        while ends >= 1.0 {
            admission.on_end();
            ends -= 1.0;
        }
        admission.on_set_up(answers >= 1.0, ringing as u64);
        answers %= 1.0;
    }
    admission.refusal(talking as u64, peak as u64).map_or(Ok(()), Err)
}

#[test]
fn what_fits_is_admitted_and_a_third_more_is_not() {
    let base = Load::new(1_000);
    for load in [
        base,
        Load::new(5_000),
        Load::new(20_000),
        Load { ring_s: 40.0, ..base },
        Load { talk_s: 10.0, ..base },
        Load { talk_s: 300.0, answer_rate: 0.9, ..base },
        Load { answer_rate: 0.1, ..base },
        Load { cps: Some(150.0), ..base },
        Load { early_media: true, ..base },
        Load { record: true, tap: true, ..base },
        Load { call_us: 120.0, ..base },
    ] {
        let load = filled(load);
        let capacity = Capacity::of(&load);
        assert_eq!(admits(&load, 1.0), Ok(()), "{load:?} {capacity:?}");
        assert_eq!(admits(&load, 1.3), Err(Overload::Busy), "{load:?} {capacity:?}");
    }
}
