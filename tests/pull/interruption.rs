//! Downloads that stop in the middle, go on, and meet each other.

use std::{
    fs,
    process::Command,
    thread,
    time::{Duration, Instant},
};

use crate::{
    assert_nothing_registered, cached, command,
    hub::{Fault, Hub, REPOSITORY, WEIGHTS},
    partial, pull, snapshot,
    support::{Place, Run},
};

const HALF: usize = 3 << 20;

#[track_caller]
fn wait_for(mut condition: impl FnMut() -> bool) {
    let until = Instant::now() + Duration::from_mins(1);
    while !condition() {
        assert!(Instant::now() < until, "waited in vain");
        thread::sleep(Duration::from_millis(20));
    }
}

/// Bytes of the weights that have arrived and are not verified yet.
fn arrived(place: &Place, hub: &Hub) -> usize {
    let name = format!("blobs/{}.incomplete", hub.file(WEIGHTS).1);
    fs::metadata(cached(place).join(name)).map_or(0, |file| file.len() as usize)
}

#[test]
fn ctrl_c_ends_a_download_at_once_and_the_next_one_goes_on_from_there() {
    for signal in [libc::SIGINT, libc::SIGTERM] {
        let (place, hub) = (Place::new(), Hub::start());
        hub.fail("?signature", 1, Fault::HangAfter(HALF));
        let child = command(&place, &hub, &["models", "pull", REPOSITORY]).spawn().unwrap();
        wait_for(|| arrived(&place, &hub) == HALF);
        let since = Instant::now();
        // SAFETY: takes two integers; the child is ours and was not reaped.
        assert_eq!(unsafe { libc::kill(child.id() as libc::pid_t, signal) }, 0);
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(130), "{output:?}");
        assert!(since.elapsed() < Duration::from_secs(2));
        assert!(String::from_utf8_lossy(&output.stderr).contains("error: interrupted; run"));
        assert_nothing_registered(&place);
        assert_eq!(partial(&place), [format!("{}.incomplete", hub.file(WEIGHTS).1)]);
        hub.forget();
        let resumed = pull(&place, &hub).ended(0);
        let told = "model.safetensors: 3.1 MB of 6.2 MB are here, going on from there";
        assert!(resumed.stderr.contains(told), "{resumed:#?}");
        let seen = hub.seen_by_storage();
        let (size, rest) = (hub.file(WEIGHTS).0.len(), hub.file(WEIGHTS).0.len() - HALF);
        assert_eq!((seen.len(), seen[0].from, seen[0].sent), (1, HALF, rest));
        assert_eq!(fs::read(snapshot(&place).join(WEIGHTS)).unwrap().len(), size);
        assert_eq!(partial(&place), [""; 0]);
    }
}

#[test]
fn ctrl_c_ends_the_wait_for_a_silent_hub() {
    let (place, hub) = (Place::new(), Hub::start());
    hub.fail("/api/models", 1, Fault::Silence);
    let child = command(&place, &hub, &["ask", "--model", REPOSITORY, "Why?"]).spawn().unwrap();
    wait_for(|| !hub.seen().is_empty());
    // SAFETY: takes two integers; the child is ours and was not reaped.
    assert_eq!(unsafe { libc::kill(child.id() as libc::pid_t, libc::SIGINT) }, 0);
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130), "{output:?}");
}

#[test]
fn a_connection_that_breaks_is_taken_up_where_it_broke() {
    let (place, hub) = (Place::new(), Hub::start());
    hub.fail("?signature", 1, Fault::BreakAfter(HALF));
    let run = pull(&place, &hub).ended(0);
    assert!(run.stderr.contains("the connection broke; next try in 500 ms"), "{run:#?}");
    let seen = hub.seen_by_storage();
    assert_eq!(seen.iter().map(|seen| seen.from).collect::<Vec<_>>(), [0, HALF]);
    let sent: usize = seen.iter().map(|seen| seen.sent).sum();
    assert_eq!(sent, hub.file(WEIGHTS).0.len());
}

#[test]
fn a_server_without_ranges_sends_the_file_again_from_its_beginning() {
    let (place, hub) = (Place::new(), Hub::start());
    hub.fail("?signature", 1, Fault::BreakAfter(HALF)).fail("?signature", 1, Fault::NoRanges);
    pull(&place, &hub).ended(0);
    assert_eq!(fs::read(snapshot(&place).join(WEIGHTS)).unwrap(), hub.file(WEIGHTS).0);
}

#[test]
fn a_server_that_falls_silent_is_given_up_and_asked_again() {
    let (place, hub) = (Place::new(), Hub::start());
    hub.fail("?signature", 1, Fault::HangAfter(HALF));
    let mut pull = command(&place, &hub, &["models", "pull", REPOSITORY]);
    let run = Run::of(pull.env("HF_HUB_DOWNLOAD_TIMEOUT", "1")).ended(0);
    assert!(run.stderr.contains("the server is silent; next try"), "{run:#?}");
    assert_eq!(hub.seen_by_storage()[1].from, HALF);
}

#[test]
fn what_was_left_and_damaged_since_is_fetched_anew() {
    let (place, hub) = (Place::new(), Hub::start());
    let (content, hash) = hub.file(WEIGHTS);
    let partial = |content: &[u8]| {
        place.write(&format!("hf/hub/models--tiny--smol/blobs/{hash}.incomplete"), content);
    };
    partial(&[7; 1000]);
    pull(&place, &hub).ended(0);
    assert_eq!(hub.seen_by_storage().iter().map(|it| it.from).collect::<Vec<_>>(), [1000, 0]);
    assert_eq!(fs::read(snapshot(&place).join(WEIGHTS)).unwrap(), content);
    // One that is longer than the file, and one that only lacks its name.
    for left in [[&content[..], b"more"].concat(), content.clone()] {
        fs::remove_file(cached(&place).join("blobs").join(&hash)).unwrap();
        partial(&left);
        hub.forget();
        pull(&place, &hub).ended(0);
        let fetched: usize = hub.seen_by_storage().iter().map(|seen| seen.sent).sum();
        assert_eq!(fetched, if left == content { 0 } else { content.len() });
    }
}

#[test]
fn two_downloads_at_once_share_the_work() {
    let (place, hub) = (Place::new(), Hub::start());
    // The first is slow enough to be met.
    hub.fail("?signature", 1, Fault::BreakAfter(HALF));
    let [one, other] =
        [(); 2].map(|()| command(&place, &hub, &["models", "pull", REPOSITORY]).spawn().unwrap());
    for child in [one, other] {
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{output:?}");
    }
    let sent: usize = hub.seen_by_storage().iter().map(|seen| seen.sent).sum();
    assert_eq!(sent, hub.file(WEIGHTS).0.len());
    assert_eq!(fs::read(snapshot(&place).join(WEIGHTS)).unwrap(), hub.file(WEIGHTS).0);
    assert_eq!(partial(&place), [""; 0]);
}

#[test]
fn a_download_of_another_process_is_waited_for() {
    let (place, hub) = (Place::new(), Hub::start());
    let hash = hub.file(WEIGHTS).1;
    let lock = place.write(&format!("hf/hub/.locks/models--tiny--smol/{hash}.lock"), "");
    let lock = fs::File::open(lock).unwrap();
    lock.lock().unwrap();
    let child = command(&place, &hub, &["models", "pull", REPOSITORY]).spawn().unwrap();
    wait_for(|| hub.seen().iter().any(|seen| seen.path.contains("tokenizer_config.json")));
    thread::sleep(Duration::from_millis(300));
    assert!(hub.seen_by_storage().is_empty());
    drop(lock);
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(told.contains("model.safetensors: another process is fetching it"), "{told}");
}

/// Stood for by the limit on a file's size: writing fails in the same way, at the same place.
#[test]
fn a_disk_that_takes_no_more_ends_it_in_words_and_the_rest_comes_later() {
    let (place, hub) = (Place::new(), Hub::start());
    let pulling = command(&place, &hub, &["models", "pull", REPOSITORY]);
    // 4096 blocks of 512 bytes; the limit is told by a signal unless that is ignored.
    let script = "trap '' XFSZ; ulimit -f 4096; exec \"$0\" \"$@\"";
    let mut limited = Command::new("/bin/sh");
    limited.args(["-c", script]).arg(pulling.get_program()).args(pulling.get_args());
    limited.current_dir(pulling.get_current_dir().unwrap()).env_clear();
    limited.envs(pulling.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let run = Run::of(&mut limited).ended(3);
    assert!(run.error().starts_with("cannot write ") && run.error().contains(".incomplete: "));
    assert_nothing_registered(&place);
    assert_eq!(arrived(&place, &hub), 4096 * 512);
    pull(&place, &hub).ended(0);
    assert_eq!(hub.seen_by_storage()[1].from, 4096 * 512);
}
