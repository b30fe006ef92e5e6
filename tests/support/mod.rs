//! A place to run the real program in: a folder of its own, nothing of the environment,
//! scripted models, small datasets and copies of the tiny checkpoints.

mod dataset;
mod redact;
mod run;

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use serde_json::Value;
use tempfile::TempDir;

pub use self::{dataset::Small, run::Run};

/// The tiny checkpoint that most tests load.
pub const TINY: &str = "smolvlm_float32";

/// A folder that is the program's current folder and its home.
pub struct Place {
    folder: TempDir,
}

impl Place {
    pub fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    /// With a dataset `small` of `count` questions.
    pub fn with_questions(count: u64) -> Self {
        let place = Self::new();
        Small::of(count).write(&place.path("small"));
        place
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        path
    }

    /// A model that answers from `script`; what to give to `--models`.
    pub fn scripted(&self, name: &str, script: &str) -> String {
        self.scripted_weighing(name, 0, script)
    }

    pub fn scripted_weighing(&self, name: &str, weight_bytes: u64, script: &str) -> String {
        self.write(&format!("{name}.script"), script);
        let manifest = format!(
            "name = '{name}'\nbackend = 'scripted'\nweight_bytes = {weight_bytes}\n\
             path = '{name}.script'\n"
        );
        self.write(&format!("{name}.toml"), manifest);
        format!("./{name}.toml")
    }

    /// A copy of a tiny checkpoint, to be damaged.
    pub fn checkpoint(&self, fixture_name: &str) -> PathBuf {
        let copy = self.path(fixture_name);
        fs::create_dir_all(&copy).unwrap();
        for file in parity(fixture_name).join("checkpoint").read_dir().unwrap() {
            let file = file.unwrap().path();
            fs::copy(&file, copy.join(file.file_name().unwrap())).unwrap();
        }
        copy
    }

    /// The program with these arguments, not started yet.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(assert_cmd::cargo::cargo_bin!("vlm-test"));
        command
            .args(arguments)
            .current_dir(self.folder.path())
            .env_clear()
            .env("HOME", self.folder.path())
            // No test leaves this machine; those of downloads have a server of their own.
            .env("HF_HUB_OFFLINE", "1")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// Runs the program to its end.
    pub fn run(&self, arguments: &[&str]) -> Run {
        Run::of(&mut self.command(arguments))
    }

    /// Asks `models` the questions of the dataset `small`, results in `out`.
    pub fn vqa(&self, models: &[&str], more: &[&str]) -> Run {
        let fixed = ["vqa", "--dataset", "small", "--output", "out", "--models"];
        self.run(&[&fixed[..], models, more].concat())
    }

    /// `results.json` in the folder `out`.
    pub fn results(&self) -> Value {
        serde_json::from_slice(&fs::read(self.path("out/results.json")).unwrap()).unwrap()
    }

    /// The events of `out/events.jsonl`, every line proven whole and in its place.
    pub fn events(&self) -> Vec<Value> {
        let text = fs::read_to_string(self.path("out/events.jsonl")).unwrap();
        assert!(text.ends_with('\n'), "a torn last line: {text}");
        text.lines().enumerate().map(|(seq, line)| checked_event(seq, line)).collect()
    }

    /// Its events without the looks at memory, some of which come by the clock.
    pub fn course(&self) -> Vec<Value> {
        self.events().into_iter().filter(|event| event["event"] != "memory_sampled").collect()
    }

    /// Its events of one kind.
    pub fn events_named(&self, name: &str) -> Vec<Value> {
        self.events().into_iter().filter(|event| event["event"] == name).collect()
    }
}

/// The event of a line, after its checksum and sequence number are found right.
fn checked_event(seq: usize, line: &str) -> Value {
    let entry: Value = serde_json::from_str(line).unwrap();
    let prefix = format!("{{\"crc32\":\"{}\",", entry["crc32"].as_str().unwrap());
    let covered = line.strip_prefix(&prefix).unwrap();
    let crc32 = format!("{:08x}", crc32fast::hash(covered.as_bytes()));
    assert_eq!((entry["crc32"].as_str(), entry["seq"].as_u64()), (Some(&*crc32), Some(seq as u64)));
    assert!(entry["time"].as_str().unwrap().ends_with('Z') && entry["elapsed_ms"].is_f64());
    entry["event"].clone()
}

/// A folder of `tests/fixtures`.
pub fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}

/// A tiny checkpoint with images and what the reference implementation says of them.
pub fn parity(name: &str) -> PathBuf {
    fixture("parity").join(name)
}

/// The values of `field` in the items of a JSON list.
pub fn each<'a>(list: &'a Value, field: &str) -> Vec<&'a Value> {
    list.as_array().unwrap().iter().map(|item| &item[field]).collect()
}
