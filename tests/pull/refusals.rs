//! What goes wrong with a hub, each in one sentence.

use std::{net::TcpListener, time::Instant};

use crate::{
    assert_nothing_registered, command,
    hub::{Fault, Hub, REPOSITORY, TOKEN},
    partial, pull, run,
    support::{Place, Run},
};

/// Pulls into an empty cache, in vain, and returns the error.
#[track_caller]
fn error(hub: &Hub) -> String {
    let place = Place::new();
    let run = pull(&place, hub).ended(3);
    assert_nothing_registered(&place);
    run.error().to_owned()
}

#[test]
fn a_gated_repository_says_where_to_ask_and_what_to_set() {
    let (place, hub) = (Place::new(), Hub::start());
    hub.gate();
    let expected = format!(
        "access to {REPOSITORY} must be granted by its owners: request it at {}/{REPOSITORY}, then set HF_TOKEN",
        hub.endpoint()
    );
    assert_eq!(error(&hub), expected);
    let with = |token| {
        Run::of(command(&place, &hub, &["models", "pull", REPOSITORY]).env("HF_TOKEN", token))
    };
    let refused = with("hf_another").ended(3);
    assert!(refused.error().ends_with("(the one set is not enough)"), "{refused:#?}");
    with(TOKEN).ended(0);
}

#[test]
fn a_plain_401_or_403_is_about_access_and_with_a_token_about_the_token() {
    for status in [401, 403] {
        let hub = Hub::start();
        hub.fail("/api/models", 9, Fault::Status(status, "X-Any", "1"));
        assert!(error(&hub).starts_with("access to tiny/smol must be granted"));
    }
    let (place, hub) = (Place::new(), Hub::start());
    hub.fail("/api/models", 9, Fault::Status(401, "X-Any", "1"));
    let mut pull = command(&place, &hub, &["models", "pull", REPOSITORY]);
    let run = Run::of(pull.env("HF_TOKEN", "hf_stale")).ended(3);
    assert!(run.error().contains("refuses the token for tiny/smol (HTTP 401)"), "{run:#?}");
}

#[test]
fn a_repository_a_revision_or_a_file_that_does_not_exist_is_named() {
    let (place, hub) = (Place::new(), Hub::start());
    let error_of = |name| run(&place, &hub, &["models", "pull", name]).ended(3).error().to_owned();
    let expected = format!(
        "{} has no model tiny/none: check the name; if it is private, set HF_TOKEN",
        hub.endpoint()
    );
    assert_eq!(error_of("tiny/none"), expected);
    let expected =
        "tiny/smol has no revision 'v9': name a branch, tag or commit that its page lists";
    assert_eq!(error_of("tiny/smol@v9"), expected);
    hub.fail("resolve/0123", 1, Fault::Status(404, "X-Error-Code", "EntryNotFound"));
    assert!(error_of(REPOSITORY).contains("lists chat_template.jinja, but"));
    let plain = Hub::start();
    plain.fail("/api/models", 9, Fault::Status(404, "X-Any", "1"));
    assert!(error(&plain).contains("has no model tiny/smol: check the name"));
}

#[test]
fn a_repository_without_usable_weights_is_refused_before_anything_is_fetched() {
    let hub = Hub::start();
    hub.remove("model.safetensors");
    assert!(error(&hub).starts_with("tiny/smol has no *.safetensors file: only checkpoints with"));
    assert_eq!(hub.seen().len(), 1);
}

#[test]
fn no_network_is_said_at_once() {
    let (place, hub) = (Place::new(), Hub::start());
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let since = Instant::now();
    for (endpoint, host) in [
        (format!("http://{closed}"), closed.to_string()),
        ("http://no-such-host.invalid".to_owned(), "no-such-host.invalid".to_owned()),
    ] {
        let mut pull = command(&place, &hub, &["models", "pull", REPOSITORY]);
        let run = Run::of(pull.env("HF_ENDPOINT", endpoint)).ended(3);
        let error = run.error();
        assert!(error.starts_with(&format!("cannot reach {host}: ")), "{error}");
        assert!(error.ends_with("check the network, HTTPS_PROXY and HF_ENDPOINT"), "{error}");
    }
    assert!(since.elapsed().as_secs() < 25);
}

#[test]
fn a_hub_that_stays_silent_is_named_with_the_time_it_had() {
    let (place, hub) = (Place::new(), Hub::start());
    hub.fail("/api/models", 9, Fault::Silence);
    let mut pull = command(&place, &hub, &["models", "pull", REPOSITORY]);
    let run = Run::of(pull.env("HF_HUB_DOWNLOAD_TIMEOUT", "1")).ended(3);
    assert!(run.error().contains("sent nothing for 1 s: try again, or allow more"), "{run:#?}");
    assert_eq!(run.stderr.matches("the server is silent; next try in").count(), 3);
}

#[test]
fn damaged_contents_are_deleted_and_reported() {
    let (place, hub) = (Place::new(), Hub::start());
    hub.fail("?signature", 1, Fault::Damage);
    let run = pull(&place, &hub).ended(3);
    let expected = "model.safetensors of tiny/smol arrived damaged: its SHA-256 is ";
    assert!(run.error().starts_with(expected), "{run:#?}");
    let expected =
        format!("not {}; it was deleted, run the command again", hub.file("model.safetensors").1);
    assert!(run.error().ends_with(&expected), "{run:#?}");
    assert_nothing_registered(&place);
    assert_eq!(partial(&place), [""; 0]);
    let hub = Hub::start();
    hub.fail("resolve-cache/tokenizer.json", 1, Fault::Damage);
    assert!(error(&hub).starts_with("tokenizer.json of tiny/smol arrived damaged: its Git SHA-1"));
}

#[test]
fn a_file_of_another_size_is_refused() {
    let hub = Hub::start();
    hub.fail("?signature", 1, Fault::TooShort);
    let size = hub.file("model.safetensors").0.len();
    let expected = format!(
        "model.safetensors of tiny/smol has {} bytes instead of the {size} listed: it was deleted, run the command again",
        size - 10
    );
    assert_eq!(error(&hub), expected);
}

#[test]
fn too_little_space_is_said_before_the_first_byte() {
    let hub = Hub::start();
    hub.list_weights_as(1 << 60);
    let error = error(&hub);
    assert!(error.starts_with("tiny/smol needs 1152921504.6 GB more, but the disk of "), "{error}");
    assert!(error.contains(" free: free some space, or set HF_HOME"), "{error}");
    assert_eq!(hub.seen().len(), 1);
}

#[test]
fn a_hub_that_asks_to_wait_is_waited_for_but_not_for_ever() {
    let (place, hub) = (Place::new(), Hub::start());
    hub.fail("/api/models", 1, Fault::Status(429, "Retry-After", "1"));
    hub.fail("?signature", 1, Fault::Status(429, "Retry-After", "1"));
    let since = Instant::now();
    let run = pull(&place, &hub).ended(0);
    assert!(since.elapsed().as_secs() >= 2);
    assert_eq!(run.stderr.matches("too many requests; next try in 1.0 s").count(), 2, "{run:#?}");
    let hub = Hub::start();
    hub.fail("/api/models", 9, Fault::Status(429, "Retry-After", "3600"));
    let error = error(&hub);
    assert!(error.contains("no more requests now (HTTP 429): try again in 3600 s"), "{error}");
}

#[test]
fn a_failing_hub_is_asked_a_few_times() {
    let (place, hub) = (Place::new(), Hub::start());
    hub.fail("/api/models", 1, Fault::Status(500, "X-Any", "1"));
    hub.fail("resolve-cache/tokenizer.json", 1, Fault::Status(503, "Retry-After", "1"));
    let run = pull(&place, &hub).ended(0);
    assert!(run.stderr.contains("the server fails; next try in 500 ms"), "{run:#?}");
    assert!(run.stderr.contains("the server fails; next try in 1.0 s"), "{run:#?}");
    let hub = Hub::start();
    hub.fail("/api/models", 9, Fault::Status(502, "X-Any", "1"));
    assert!(error(&hub).ends_with("fails (HTTP 502): try again later"));
    assert_eq!(hub.seen().len(), 4);
}

#[test]
fn a_connection_that_keeps_breaking_is_given_up() {
    let (place, hub) = (Place::new(), Hub::start());
    hub.fail("/api/models", 9, Fault::BreakAfter(10));
    let run = pull(&place, &hub).ended(3);
    assert!(
        run.error().contains(" broke") && run.error().contains("run the command again"),
        "{run:#?}"
    );
    assert_eq!(hub.seen().len(), 4);
}

#[test]
fn what_is_no_hub_and_what_is_no_setting_is_said() {
    let (place, hub) = (Place::new(), Hub::start());
    hub.fail("/api/models", 1, Fault::Status(302, "Location", "/else"));
    hub.fail("/else", 1, Fault::Status(200, "X-Any", "1"));
    let error = error(&hub);
    assert!(error.contains("does not answer like a Hugging Face hub"), "{error}");
    hub.fail("/api/models", 1, Fault::Status(302, "Location", "/round"));
    hub.fail("/round", 99, Fault::Status(302, "Location", "/round"));
    let run = pull(&place, &hub).ended(3);
    assert!(run.error().contains("redirects without end"), "{run:#?}");
    for (variable, value) in [
        ("HF_ENDPOINT", "huggingface"),
        ("HF_TOKEN", "two words"),
        ("HF_HUB_DOWNLOAD_TIMEOUT", "long"),
        ("HTTP_PROXY", "ftp://proxy"),
    ] {
        let mut pull = command(&place, &hub, &["models", "pull", REPOSITORY]);
        let run = Run::of(pull.env(variable, value)).ended(2);
        assert!(run.error().starts_with(variable), "{run:#?}");
        assert!(!run.error().contains("two words"), "a token is not shown: {run:#?}");
    }
}

#[test]
fn a_cache_that_cannot_be_written_is_named() {
    let (place, hub) = (Place::new(), Hub::start());
    place.write("hf", "a file");
    let run = pull(&place, &hub).ended(3);
    assert!(
        run.error().starts_with("cannot write ") && run.error().contains("HF_HOME"),
        "{run:#?}"
    );
}
