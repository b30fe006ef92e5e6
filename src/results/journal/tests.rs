//! The journal under cuts, flipped bits and a disk that takes no more.

use proptest::prelude::*;

use super::*;
use crate::results::example;

fn written() -> (Vec<Entry>, Vec<u8>) {
    let entries = example::complete_run();
    let lines: String = entries.iter().map(|entry| encode(entry).unwrap()).collect();
    (entries, lines.into_bytes())
}

#[test]
fn what_was_appended_is_read_back_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("events.jsonl");
    let mut journal = Journal::create(&path).unwrap();
    let events = example::complete_run().into_iter().map(|entry| entry.event);
    let appended: Vec<_> = events.map(|event| journal.append(event).unwrap()).collect();
    let recovered = read_journal(&path).unwrap();
    assert_eq!(recovered.entries, appended);
    assert_eq!((recovered.cut_bytes, recovered.damage), (0, None));
    assert_eq!(recovered.valid_bytes, path.metadata().unwrap().len());
}

#[test]
fn every_line_is_valid_json_with_place_checksum_and_time() {
    let (_, bytes) = written();
    for (seq, line) in std::str::from_utf8(&bytes).unwrap().lines().enumerate() {
        let value: serde_json::Value = serde_json::from_str(line).unwrap();
        assert_eq!(value["seq"], seq);
        assert_eq!(value["crc32"].as_str().unwrap().len(), 8);
        assert!(value["time"].as_str().unwrap().ends_with('Z'));
        assert!(value["event"]["event"].is_string());
    }
}

#[test]
fn the_time_is_utc_with_milliseconds() {
    let time = utc_now();
    assert_eq!(time.len(), "2026-11-20T20:42:07.123Z".len(), "{time}");
    assert!(time.parse::<jiff::Timestamp>().is_ok(), "{time}");
}

#[test]
fn a_cut_at_any_byte_of_the_last_three_lines_loses_only_what_is_torn() {
    let (entries, bytes) = written();
    let ends: Vec<_> = bytes
        .iter()
        .enumerate()
        .filter(|(_, byte)| **byte == b'\n')
        .map(|(at, _)| at + 1)
        .collect();
    for cut in ends[ends.len() - 4]..bytes.len() {
        let recovered = recover(&bytes[..cut]);
        let whole = ends.iter().filter(|end| **end <= cut).count();
        assert_eq!(recovered.entries, entries[..whole]);
        assert_eq!(recovered.valid_bytes + recovered.cut_bytes, cut as u64);
        assert_eq!(recovered.damage.is_some(), recovered.cut_bytes > 0);
    }
}

#[test]
fn a_repeated_line_is_not_taken_for_the_next_one() {
    let (entries, bytes) = written();
    let first = bytes.split_inclusive(|byte| *byte == b'\n').next().unwrap();
    let recovered = recover(&[first, first].concat());
    assert_eq!(recovered.entries, entries[..1]);
    assert_eq!(recovered.damage, Some(Damage::Sequence { expected: 1 }));
}

#[test]
fn a_whole_line_with_an_unknown_event_is_told_apart_from_damage() {
    let line = encode(&serde_json::json!({"seq": 0, "event": {"event": "tea_break"}})).unwrap();
    let recovered = recover(line.as_bytes());
    assert!(matches!(recovered.damage, Some(Damage::Unknown(_))), "{recovered:?}");
}

#[test]
fn an_existing_journal_is_never_written_over() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("events.jsonl");
    Journal::create(&path).unwrap();
    let message = Journal::create(&path).unwrap_err().to_string();
    assert!(message.contains("events.jsonl"), "{message}");
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_an_error_naming_the_file_and_closes_the_journal() {
    let full = OpenOptions::new().append(true).open("/dev/full").unwrap();
    let mut journal = Journal::on(full, "run/events.jsonl".into());
    let event = || example::complete_run().remove(0).event;
    let message = journal.append(event()).unwrap_err().to_string();
    assert!(message.contains("run/events.jsonl") && message.contains("space"), "{message}");
    assert!(matches!(journal.append(event()), Err(ResultsError::Closed { .. })));
}

#[test]
fn an_event_that_could_not_be_read_back_is_refused_and_leaves_no_trace() {
    let folder = tempfile::tempdir().unwrap();
    let mut journal = Journal::create(folder.path().join("events.jsonl")).unwrap();
    let mut result = example::question(1, example::answered(1.0));
    result.wall_ms = f64::NAN;
    let event = Event::QuestionFinished { model: "tiny".to_owned(), result: Box::new(result) };
    assert!(matches!(journal.append(event), Err(ResultsError::Encode { .. })));
    let next = journal.append(example::complete_run().remove(0).event).unwrap();
    assert_eq!(next.seq, 0);
    assert_eq!(read_journal(journal.path()).unwrap().entries, [next]);
}

proptest! {
    #[test]
    fn any_time_is_read_back_to_the_last_bit(wall_ms in prop::num::f64::POSITIVE | prop::num::f64::NORMAL) {
        let mut result = example::question(1, example::answered(1.0));
        result.wall_ms = wall_ms;
        let json = serde_json::to_string(&result).unwrap();
        prop_assert_eq!(serde_json::from_str::<crate::results::QuestionResult>(&json).unwrap(), result);
    }

    #[test]
    fn a_flipped_bit_is_always_found(place in any::<prop::sample::Index>(), bit in 0_u8..8) {
        let (entries, mut bytes) = written();
        let at = place.index(bytes.len());
        let before = bytes[..at].split(|byte| *byte == b'\n').count() - 1;
        bytes[at] ^= 1 << bit;
        let recovered = recover(&bytes);
        prop_assert!(recovered.damage.is_some());
        prop_assert_eq!(&recovered.entries, &entries[..before]);
    }

    #[test]
    fn any_bytes_at_all_are_read_without_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let recovered = recover(&bytes);
        prop_assert_eq!(recovered.valid_bytes + recovered.cut_bytes, bytes.len() as u64);
    }
}
