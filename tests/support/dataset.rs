//! A dataset of a few questions in the VQA v2 layout, to be written as it is or broken.

use std::{fs, path::Path};

use serde_json::{Value, json};

use super::fixture;

/// Questions 1, 2, … about images of the same ids, all answered `yes` by all.
pub struct Small {
    pub questions: Vec<Value>,
    pub annotations: Vec<Value>,
    pub images: Vec<(u64, Vec<u8>)>,
}

impl Small {
    pub fn of(count: u64) -> Self {
        let image = fs::read(fixture("images/rgb.png")).unwrap();
        Self {
            questions: (1..=count).map(question).collect(),
            annotations: (1..=count).map(annotation).collect(),
            images: (1..=count).map(|id| (id, image.clone())).collect(),
        }
    }

    /// One question for each of these image files.
    pub fn about(images: Vec<Vec<u8>>) -> Self {
        let images: Vec<_> = (1..).zip(images).collect();
        Self { images: images.clone(), ..Self::of(images.len() as u64) }
    }

    pub fn write(&self, folder: &Path) {
        fs::create_dir_all(folder.join("images")).unwrap();
        let description = "name = 'small'\nformat = 'vqa_v2'\ndefault_split = 'test'\n\
            [splits.test]\nquestions = 'questions.json'\nannotations = 'annotations.json'\n\
            images = 'images'\n";
        fs::write(folder.join("dataset.toml"), description).unwrap();
        let questions = json!({ "data_subtype": "test", "questions": self.questions });
        fs::write(folder.join("questions.json"), questions.to_string()).unwrap();
        let annotations = json!({ "annotations": self.annotations });
        fs::write(folder.join("annotations.json"), annotations.to_string()).unwrap();
        for (id, bytes) in &self.images {
            fs::write(folder.join(format!("images/{id:012}.png")), bytes).unwrap();
        }
    }
}

fn question(id: u64) -> Value {
    json!({ "question_id": id, "image_id": id, "question": format!("Is this question {id}?") })
}

fn annotation(id: u64) -> Value {
    let answers: Vec<_> = (1..=10)
        .map(|n| json!({ "answer": "yes", "answer_id": n, "answer_confidence": "yes" }))
        .collect();
    json!({
        "question_id": id,
        "image_id": id,
        "question_type": "is this",
        "answer_type": "yes/no",
        "answers": answers,
        "multiple_choice_answer": "yes",
    })
}
