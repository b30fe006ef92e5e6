//! Whom the token and the requests go to.

use crate::{
    command,
    hub::{Host, Hub, REPOSITORY, TOKEN},
    support::{Place, Run, fixture},
    wire::start_proxy,
};

#[test]
fn the_token_goes_to_the_hub_and_to_no_other_host() {
    let hub = Hub::start();
    hub.gate();
    let bearer = format!("Bearer {TOKEN}");
    for from_file in [false, true] {
        let place = Place::new();
        let mut pull = command(&place, &hub, &["models", "pull", REPOSITORY]);
        if from_file {
            place.write("hf/token", format!("{TOKEN}\n"));
        } else {
            pull.env("HF_TOKEN", TOKEN);
        }
        hub.forget();
        let run = Run::of(&mut pull).ended(0);
        assert!(!run.stderr.contains(TOKEN) && !run.stdout.contains(TOKEN));
        for seen in hub.seen() {
            let expected = (seen.host == Host::Hub).then_some(&bearer);
            assert_eq!(seen.authorization.as_ref(), expected, "{seen:?}");
        }
        assert_eq!(hub.seen_by_storage().len(), 1);
    }
}

#[test]
fn a_proxy_is_used_but_for_the_hosts_that_are_exempt() {
    let hub = Hub::start();
    let (proxy, asked) = start_proxy();
    let pull = |variables: &[(&str, &str)]| {
        let place = Place::new();
        asked.lock().unwrap().clear();
        let mut pull = command(&place, &hub, &["models", "pull", REPOSITORY]);
        Run::of(pull.envs(variables.iter().copied())).ended(0);
        asked.lock().unwrap().clone()
    };
    let address = hub.endpoint().strip_prefix("http://").unwrap().to_owned();
    for variable in ["HTTP_PROXY", "http_proxy", "ALL_PROXY"] {
        let tunnels = pull(&[(variable, &proxy)]);
        assert!(tunnels.contains(&address), "{variable}: {tunnels:?}");
        assert!(tunnels.iter().any(|tunnel| *tunnel != address), "{variable}: {tunnels:?}");
    }
    assert_eq!(pull(&[("HTTP_PROXY", &proxy), ("NO_PROXY", "127.0.0.1")]), [""; 0]);
    assert_eq!(pull(&[("HTTPS_PROXY", &proxy)]), [""; 0]);
}

#[test]
fn a_proxy_that_is_not_there_is_named() {
    let (place, hub) = (Place::new(), Hub::start());
    let mut pull = command(&place, &hub, &["models", "pull", REPOSITORY]);
    let run = Run::of(pull.env("HTTP_PROXY", "http://127.0.0.1:1")).ended(3);
    assert!(run.error().contains("through the proxy 127.0.0.1:1: "), "{run:#?}");
}

#[test]
fn a_certificate_that_nobody_vouches_for_is_refused() {
    let (place, hub) = (Place::new(), Hub::start_with_tls());
    let run = Run::of(&mut command(&place, &hub, &["models", "pull", REPOSITORY])).ended(3);
    assert!(run.error().starts_with("no trusted connection to localhost:"), "{run:#?}");
    assert!(run.error().contains("install its certificate"), "{run:#?}");
    assert!(hub.seen().is_empty());
}

/// On macOS the system's keychain decides, and a test does not change that.
#[test]
#[cfg_attr(target_os = "macos", ignore = "the keychain decides")]
fn a_certificate_of_the_system_or_of_ssl_cert_file_is_trusted() {
    let (place, hub) = (Place::new(), Hub::start_with_tls());
    let mut pull = command(&place, &hub, &["models", "pull", REPOSITORY]);
    Run::of(pull.env("SSL_CERT_FILE", fixture("tls/ca.pem"))).ended(0);
    assert!(hub.seen().iter().any(|seen| seen.host == Host::Hub));
}
