//! Writes a checkpoint in the exact shape of a published model, its weights random: to prove that
//! the model loads and runs on a machine before its real weights are fetched.
//!
//! `cargo run --release --example random_checkpoint -- phi35_vision --form 4bit DIR`
mod checkpoint;

use std::{error::Error, path::PathBuf};

use clap::Parser;
use vlm_test::vlm::Precision;

use crate::checkpoint::{Form, Model, Request};

#[derive(Parser)]
struct Arguments {
    /// The published model.
    model: Model,
    /// As its makers published it, or as it was converted for MLX.
    #[arg(long, value_enum, default_value_t = Form::Original)]
    form: Form,
    /// Another precision than the published one; not for quantised forms.
    #[arg(long, value_parser = precision)]
    dtype: Option<Precision>,
    /// The seed of the weights.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Narrow and shallow: the same files, names and image settings in a few megabytes.
    #[arg(long, hide = true)]
    shrink: bool,
    /// The folder to write to; it must be empty or not there yet.
    output: PathBuf,
}

fn main() -> Result<(), Box<dyn Error>> {
    let Arguments { model, form, dtype, seed, shrink, output } = Arguments::parse();
    Request { model, form, dtype, seed, shrink }.write(&output)
}

fn precision(name: &str) -> Result<Precision, String> {
    let named = Precision::ALL.into_iter().find(|precision| precision.name() == name);
    named.ok_or_else(|| "expected float32, float16 or bfloat16".to_owned())
}
