//! Process start, up to the help text and up to the first answered question.
//!
//! The floor is what the system needs to start any process (`true`). `ask` pays it
//! twice, for the program and its worker, and beside it links MLX and the BLAS, checks
//! and loads 0.8 MB of weights and answers one question about one image.
//!
//! Seen (medians, machine shared, dev profile): 0.9 ms, help 5.6 ms, first answer 57 ms.

#![expect(clippy::expect_used, reason = "a bench fails by panicking")]

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use divan::Bencher;

fn main() {
    divan::main();
}

fn fixture() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/parity/smolvlm_float32")
}

fn run(bencher: Bencher, command: impl Fn() -> Command) {
    bencher.bench_local(|| {
        let output = command().stdin(Stdio::null()).output().expect("the program starts");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    });
}

fn vlm_test() -> Command {
    Command::new(env!("CARGO_BIN_EXE_vlm-test"))
}

#[divan::bench(sample_count = 20, sample_size = 1)]
fn floor_true(bencher: Bencher) {
    run(bencher, || Command::new("true"));
}

#[divan::bench(sample_count = 20, sample_size = 1)]
fn help(bencher: Bencher) {
    run(bencher, || {
        let mut command = vlm_test();
        command.arg("--help");
        command
    });
}

#[divan::bench(sample_count = 20, sample_size = 1)]
fn first_answer(bencher: Bencher) {
    run(bencher, || {
        let mut command = vlm_test();
        command.arg("ask").arg("--model").arg(fixture().join("checkpoint"));
        command.arg("--image").arg(fixture().join("images/0_60x44.png"));
        command.args(["--max-tokens", "1", "--json", "What colour is the shape?"]);
        command
    });
}
