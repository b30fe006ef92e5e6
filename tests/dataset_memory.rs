//! Reading files of the published size needs a few megabytes, whatever they weigh.

#![expect(clippy::unwrap_used, reason = "code of a test fails by panicking")]

use std::{
    alloc::{GlobalAlloc, Layout, System},
    fs::File,
    io::{BufWriter, Write},
    path::Path,
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
    time::Instant,
};

use vlm_test::dataset::{Selection, load};

/// Questions of the published val2014 split.
const QUESTIONS: u64 = 214_354;

/// The system's allocator, counting the bytes that live and the most that did.
struct Counting;

static LIVE: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

// SAFETY: every call is handed to the system's allocator unchanged; reallocation
// is the provided one, made of these two.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let live = LIVE.fetch_add(layout.size(), Relaxed) + layout.size();
        PEAK.fetch_max(live, Relaxed);
        // SAFETY: the caller's promises are those of the system's allocator.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        LIVE.fetch_sub(layout.size(), Relaxed);
        // SAFETY: as above.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn write(path: &Path, key: &str, entry: impl Fn(u64) -> String) -> u64 {
    let mut file = BufWriter::new(File::create(path).unwrap());
    write!(file, "{{\"info\": {{}}, \"data_subtype\": \"val2014\", \"{key}\": [").unwrap();
    for n in 0..QUESTIONS {
        let comma = if n == 0 { "" } else { ", " };
        write!(file, "{comma}{}", entry(n)).unwrap();
    }
    write!(file, "]}}").unwrap();
    file.flush().unwrap();
    path.metadata().unwrap().len()
}

fn question(n: u64) -> String {
    format!(
        r#"{{"image_id": {}, "question": "Where is the person number {n} in the picture looking at, and why is that?", "question_id": {}}}"#,
        n / 5,
        n * 3
    )
}

fn annotation(n: u64) -> String {
    let answer =
        |id| format!(r#"{{"answer": "down", "answer_confidence": "yes", "answer_id": {id}}}"#);
    let answers = (1..=10).map(answer).collect::<Vec<_>>().join(", ");
    format!(
        r#"{{"question_type": "none of the above", "multiple_choice_answer": "down", "answers": [{answers}], "image_id": {}, "answer_type": "other", "question_id": {}}}"#,
        n / 5,
        n * 3
    )
}

#[test]
fn a_sample_of_the_published_size_needs_a_few_megabytes() {
    let root = tempfile::tempdir().unwrap();
    let file = |name: &str| root.path().join(name);
    let bytes = write(&file("v2_OpenEnded_mscoco_val2014_questions.json"), "questions", question)
        + write(&file("v2_mscoco_val2014_annotations.json"), "annotations", annotation);
    assert!(bytes > 90_000_000, "{bytes}");
    let before = LIVE.load(Relaxed);
    PEAK.store(before, Relaxed);
    let started = Instant::now();
    let selection = Selection { questions: Some(20), seed: 1, only: vec![] };
    let dataset = load(root.path(), None, &selection).unwrap();
    let peak = PEAK.load(Relaxed) - before;
    println!("{bytes} bytes read in {:?}, {peak} bytes at most in memory", started.elapsed());
    assert_eq!(dataset.total_questions as u64, QUESTIONS);
    assert!(dataset.questions.iter().all(|question| question.answers.len() == 10));
    assert!(peak < 8_000_000, "{peak} bytes");
}
