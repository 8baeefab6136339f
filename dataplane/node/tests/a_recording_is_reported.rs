//! A recording goes to the disk under the name that the end of its call tells, and its own end is told too.

mod world;

use std::time::Duration;

use call::{Event, RecordingPart};
use peal_node::dispatch::{ClosedRecording, Input, RecordingJob};
use proto::v1::{self as wire, event};
use world::World;

#[test]
fn from_open_to_recorded() {
    let mut world = World::ready();
    world.order_as(wire::Order { record: true, recording: "take-1".to_owned(), ..world::order(1) });
    world.run(Duration::from_millis(100));
    let part = |part| Event::Recording { call: world::name(1), part };
    world.shard_says(part(RecordingPart::Open));
    world.shard_says(part(RecordingPart::Close));
    let Event::Ended(mut ended) = world::ended(1, world.now.at) else { unreachable!("it is an end") };
    ended.recorded = true;
    world.shard_says(Event::Ended(ended));
    world.shard_says(Event::Released { call: world::name(1) });

    let [(_, RecordingJob::Open { stem }), (_, RecordingJob::Close)] = world.recordings.as_slice() else {
        panic!("open and close: {:?}", world.recordings)
    };
    let path = format!("{stem}.wav");
    assert!(path.ends_with("/take-1.wav"), "{path}");
    let told = world.journal.iter().find_map(|event| match &event.event {
        Some(event::Event::Ended(ended)) => Some(ended.recording.clone()),
        _ => None,
    });
    assert_eq!(told, Some(path.clone()));

    world.feed(Input::RecordingClosed(ClosedRecording {
        attempt: world::attempt(1),
        path: None,
        bytes: 0,
        duration: Duration::ZERO,
        error: "no space".to_owned(),
    }));
    let Some(event::Event::Recorded(recorded)) = world.journal.last().and_then(|e| e.event.clone()) else {
        panic!("told last")
    };
    assert_eq!((recorded.path, recorded.error.as_str()), (path, "no space"));
}
