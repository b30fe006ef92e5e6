//! Writes a split of the synthetic data set, for example the one `smolvlm_tiny` was trained on:
//!
//! `cargo run --release --example make_shapes -- --output DIR --seed 1 --images 60000 --split train --questions 24 --facts`
use clap::Parser;
use std::{error::Error, path::PathBuf};
use vlm_test::dataset::synthetic::{DatasetOptions, write_dataset};

#[derive(Parser)]
struct Arguments {
    /// The folder to write to.
    #[arg(long)]
    output: PathBuf,
    /// The seed of the scenes.
    #[arg(long)]
    seed: u64,
    /// How many images.
    #[arg(long, default_value_t = 120)]
    images: u64,
    /// How many questions about each image.
    #[arg(long, default_value_t = 5)]
    questions: usize,
    /// The name of the split.
    #[arg(long, default_value = "test")]
    split: String,
    /// Also write the facts of every scene.
    #[arg(long)]
    facts: bool,
}

fn main() -> Result<(), Box<dyn Error>> {
    let Arguments { output, seed, images, questions, split, facts } = Arguments::parse();
    write_dataset(
        &output,
        &DatasetOptions { seed, images, questions_per_image: questions, split, facts },
    )?;
    Ok(())
}
