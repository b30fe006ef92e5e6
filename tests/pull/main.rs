//! Weights that arrive by themselves, through the real binary and a hub on this machine.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod arrival;
mod first_use;
mod hub;
mod interruption;
mod network;
mod refusals;
#[path = "../support/mod.rs"]
#[expect(dead_code, reason = "other tests use the rest")]
mod support;
mod wire;

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use crate::{
    hub::{COMMIT, Hub, REPOSITORY},
    support::{Place, Run},
};

/// Where the program keeps [`REPOSITORY`] in a place.
fn cached(place: &Place) -> PathBuf {
    place.path("hf/hub/models--tiny--smol")
}

fn snapshot(place: &Place) -> PathBuf {
    cached(place).join("snapshots").join(COMMIT)
}

/// The program with `hub` as its hub and a cache of its own.
fn command(place: &Place, hub: &Hub, arguments: &[&str]) -> Command {
    let mut command = place.command(arguments);
    command
        .env_remove("HF_HUB_OFFLINE")
        .env("HF_ENDPOINT", hub.endpoint())
        .env("HF_HOME", place.path("hf"));
    command
}

fn run(place: &Place, hub: &Hub, arguments: &[&str]) -> Run {
    Run::of(&mut command(place, hub, arguments))
}

fn pull(place: &Place, hub: &Hub) -> Run {
    run(place, hub, &["models", "pull", REPOSITORY])
}

/// Names in a folder, sorted; none if there is no such folder.
fn names(folder: &Path) -> Vec<String> {
    let entries = folder.read_dir().into_iter().flatten();
    let mut names: Vec<_> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// Contents that were not received whole.
fn partial(place: &Place) -> Vec<String> {
    let blobs = names(&cached(place).join("blobs"));
    blobs.into_iter().filter(|name| name.ends_with(".incomplete")).collect()
}

/// Fails if anything of the repository could be taken for a model.
#[track_caller]
fn assert_nothing_registered(place: &Place) {
    assert_eq!(names(&cached(place).join("snapshots")), [""; 0]);
    assert_eq!(names(&cached(place).join("refs")), [""; 0]);
}
