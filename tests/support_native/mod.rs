//! Fixtures of the native model's tests: the tiny checkpoints of `tests/parity.rs`,
//! as they lie there or copied and changed.
#![allow(dead_code, reason = "each test file uses its own part")]
#![allow(clippy::allow_attributes, reason = "an expectation would fail where all is used")]

use std::{
    collections::HashMap,
    fs,
    path::{Path, PathBuf},
};

use mlx_rs::{Array, ops};
use serde_json::Value;
use vlm_test::{
    native::{
        LoadError, NativeModel,
        chat_images::{ChatImages, Features},
        checkpoint::Checkpoint,
        models::{self, Architecture},
        segments::{self, PREFILL_CHUNK, Segment},
        vision_cache::VisionCache,
    },
    vlm::{
        Chat, Generation, GenerationOptions, LoadOptions, Message, Unobserved, VisionLanguageModel,
    },
};

/// The names of all fixtures.
pub fn fixtures() -> Vec<String> {
    let folders = fs::read_dir(folder("")).unwrap();
    folders.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

pub fn checkpoint(fixture: &str) -> PathBuf {
    folder(fixture).join("checkpoint")
}

/// One of three images that differ in shape.
pub fn image(number: usize) -> PathBuf {
    const NAMES: [&str; 3] = ["0_60x44.png", "1_37x101.png", "2_150x40.png"];
    folder("smolvlm_float32").join("images").join(NAMES[number])
}

fn folder(fixture: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/parity").join(fixture)
}

pub fn load(fixture: &str) -> NativeModel {
    NativeModel::load(&checkpoint(fixture), &LoadOptions::default()).unwrap()
}

pub fn architecture(folder: &Path) -> Architecture {
    models::load(&Checkpoint::open(folder).unwrap(), &LoadOptions::default()).unwrap().0
}

/// A chat as a model takes it, cut at its images alone.
pub struct Ready {
    pub token_ids: Vec<i32>,
    pub segments: Vec<Segment>,
    pub features: Features,
    /// The features of all images of the chat, one after the other.
    pub rows: Option<Array>,
}

impl Ready {
    pub fn new(model: &Architecture, chat: &Chat) -> Self {
        let mut nothing_kept = VisionCache::new(0);
        let images = ChatImages::open(model, chat, &mut nothing_kept).unwrap();
        let token_ids = model.tokenize(chat, &images.layouts(), true).unwrap().token_ids;
        let shown = images.in_prompt(model);
        let is_image = |id| model.is_image_position(id);
        let segments = segments::cut(&token_ids, PREFILL_CHUNK, &shown, is_image, |_| false);
        let needed = shown.iter().map(|image| image.content).collect();
        let features = images.features(model, &needed, &mut nothing_kept, &mut Unobserved).unwrap();
        let rows: Vec<_> = shown.iter().map(|image| &features[&image.content]).collect();
        let rows = (!rows.is_empty()).then(|| ops::concatenate(&rows, 0).unwrap());
        Self { token_ids, segments, features, rows }
    }

    /// Embeddings `[1, n, hidden]` of all of it.
    pub fn embeddings(&self, model: &Architecture) -> Array {
        model.embed_prompt(&self.token_ids, self.rows.as_ref()).unwrap()
    }
}

/// One question about the images of these numbers.
pub fn chat(images: &[usize], question: &str) -> Chat {
    let images = images.iter().map(|&number| image(number));
    Chat { messages: vec![Message::user(images, question)] }
}

pub fn options(max_tokens: usize) -> GenerationOptions {
    GenerationOptions { max_tokens, ..Default::default() }
}

pub fn ask(model: &mut NativeModel, chat: &Chat, options: &GenerationOptions) -> Generation {
    model.generate(chat, options, &mut Unobserved).unwrap()
}

/// A copy of a fixture's checkpoint that a test may change.
pub struct Copy(tempfile::TempDir);

impl Copy {
    pub fn of(fixture: &str) -> Self {
        let copy = Self(tempfile::tempdir().unwrap());
        copy_files(&checkpoint(fixture), copy.path());
        copy
    }

    pub fn path(&self) -> &Path {
        self.0.path()
    }

    pub fn load(&self) -> Result<NativeModel, LoadError> {
        NativeModel::load(self.path(), &LoadOptions::default())
    }

    /// Why it does not load.
    pub fn refusal(&self) -> String {
        self.load().err().unwrap().to_string()
    }

    /// Greedy tokens about an image and the log-probabilities of the first one.
    pub fn answer(&self) -> (Vec<u32>, Vec<f32>) {
        let mut model = self.load().unwrap();
        let options = GenerationOptions { logprobs: 400, ..options(8) };
        let generation = ask(&mut model, &chat(&[0], "How many are there?"), &options);
        let first = generation.logprobs[0].top.iter().map(|top| top.logprob).collect();
        (generation.token_ids, first)
    }

    fn weight_files(&self) -> Vec<PathBuf> {
        let files = fs::read_dir(self.path()).unwrap().map(|entry| entry.unwrap().path());
        files.filter(|file| file.extension().is_some_and(|e| e == "safetensors")).collect()
    }

    /// The tensors of all weight files.
    pub fn tensors(&self) -> HashMap<String, Array> {
        let files = self.weight_files();
        files.into_iter().flat_map(|file| Array::load_safetensors(file).unwrap()).collect()
    }

    /// Writes `tensors` in place of all weight files, as one without an index.
    pub fn store(&self, tensors: HashMap<String, Array>) {
        // The arrays may still be read lazily from the files that are replaced.
        let fresh = self.path().join("fresh");
        store(&fresh.with_extension("safetensors"), tensors);
        fs::rename(fresh.with_extension("safetensors"), &fresh).unwrap();
        self.weight_files().into_iter().for_each(|file| fs::remove_file(file).unwrap());
        fs::remove_file(self.path().join("model.safetensors.index.json")).ok();
        fs::rename(fresh, self.path().join("model.safetensors")).unwrap();
    }

    pub fn edit_tensors(&self, edit: impl FnOnce(&mut HashMap<String, Array>)) {
        let mut tensors = self.tensors();
        edit(&mut tensors);
        self.store(tensors);
    }

    pub fn rename_tensors(&self, rename: impl Fn(&str) -> String) {
        let renamed = |(name, array): (String, Array)| (rename(&name), array);
        self.store(self.tensors().into_iter().map(renamed).collect());
    }

    pub fn edit_json(&self, file: &str, edit: impl FnOnce(&mut Value)) {
        let path = self.path().join(file);
        let mut json = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
        edit(&mut json);
        fs::write(path, json.to_string()).unwrap();
    }
}

pub fn store(path: &Path, tensors: HashMap<String, Array>) {
    Array::save_safetensors(tensors, None, path).unwrap();
}

pub fn copy_files(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
}
