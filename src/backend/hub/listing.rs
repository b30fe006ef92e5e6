//! What a repository holds at a revision, and which of it a checkpoint needs.

use std::path::Path;

use serde::Deserialize;

use super::{HubError, checksum::Checksum};

/// A revision of a repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listing {
    /// The commit, 40 hex digits.
    pub commit: String,
    /// The files that a checkpoint needs; config.json is the last.
    pub files: Vec<RemoteFile>,
}

/// A file of a repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemoteFile {
    /// Its name; it lies at the top of the repository.
    pub name: String,
    /// Its size in bytes.
    pub size: u64,
    /// What its contents hash to.
    pub checksum: Checksum,
}

#[derive(Deserialize)]
struct Revision {
    sha: String,
    siblings: Vec<Sibling>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Sibling {
    rfilename: String,
    size: Option<u64>,
    blob_id: Option<String>,
    lfs: Option<LargeFile>,
}

#[derive(Deserialize)]
struct LargeFile {
    sha256: String,
    size: u64,
}

const CONFIG: &str = "config.json";
const INDEX: &str = "model.safetensors.index.json";
const ONE_FILE: &str = "model.safetensors";
const SUFFIX: &str = ".safetensors";

/// Read by the loader or by other tools beside it; tokenizer* and *.jinja as well.
const NEEDED: [&str; 11] = [
    CONFIG,
    INDEX,
    "generation_config.json",
    "processor_config.json",
    "preprocessor_config.json",
    "video_preprocessor_config.json",
    "chat_template.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.json",
    "merges.txt",
];

impl Listing {
    /// Reads the hub's answer to `/api/models/{repository}/revision/{revision}?blobs=true`.
    ///
    /// # Errors
    /// [`HubError::Nonsense`] about `url`, or [`HubError::NoCheckpoint`].
    pub fn parse(repository: &str, url: &str, json: &[u8]) -> Result<Self, HubError> {
        let nonsense = |message: String| HubError::Nonsense { url: url.to_owned(), message };
        let revision: Revision =
            serde_json::from_slice(json).map_err(|error| nonsense(error.to_string()))?;
        let Some(Checksum::GitBlob(commit)) = Checksum::git_blob(&revision.sha) else {
            return Err(nonsense(format!("'{}' is no commit", revision.sha)));
        };
        let names: Vec<&str> = revision.siblings.iter().map(|it| it.rfilename.as_str()).collect();
        let wanted = |sibling: &&Sibling| is_needed(&sibling.rfilename, &names);
        let files = revision.siblings.iter().filter(wanted).map(|sibling| {
            let unnamed = || nonsense(format!("size or hash of {} are missing", sibling.rfilename));
            sibling.file().ok_or_else(unnamed)
        });
        let mut files: Vec<RemoteFile> = files.collect::<Result<_, _>>()?;
        let lacks = |lacking| HubError::NoCheckpoint { repository: repository.to_owned(), lacking };
        if !files.iter().any(|file| file.name == CONFIG) {
            return Err(lacks("config.json"));
        }
        if !files.iter().any(|file| file.name.ends_with(SUFFIX)) {
            return Err(lacks("*.safetensors file"));
        }
        // Small ones first: what is wrong shows before gigabytes are fetched. A snapshot
        // counts once its config.json is there.
        files.sort_by(|a, b| {
            let key = |file: &RemoteFile| (file.name == CONFIG, file.name.ends_with(SUFFIX));
            (key(a), &a.name).cmp(&(key(b), &b.name))
        });
        Ok(Self { commit, files })
    }
}

impl Sibling {
    fn file(&self) -> Option<RemoteFile> {
        let (size, checksum) = match &self.lfs {
            Some(lfs) => (lfs.size, Checksum::sha256(&lfs.sha256)?),
            None => (self.size?, Checksum::git_blob(self.blob_id.as_ref()?)?),
        };
        Some(RemoteFile { name: self.rfilename.clone(), size, checksum })
    }
}

/// Whether a checkpoint needs the file `name` of a repository that holds `names`. Weights
/// are chosen as the loader chooses them, but for an index, which is not read yet: with one,
/// all `model*.safetensors` are taken.
fn is_needed(name: &str, names: &[&str]) -> bool {
    if name.contains(['/', '\\']) || name.starts_with('.') {
        return false;
    }
    if !name.ends_with(SUFFIX) {
        let is_template = Path::new(name).extension().is_some_and(|it| it == "jinja");
        return NEEDED.contains(&name) || name.starts_with("tokenizer") || is_template;
    }
    let is_model = |name: &str| name.starts_with("model") && !name.contains('/');
    let has = |sought: &str| names.contains(&sought);
    if has(ONE_FILE) && !has(INDEX) {
        return name == ONE_FILE;
    }
    let any_model = names.iter().any(|name| is_model(name) && name.ends_with(SUFFIX));
    is_model(name) || !any_model
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen<'a>(names: &[&'a str]) -> Vec<&'a str> {
        names.iter().copied().filter(|name| is_needed(name, names)).collect()
    }

    #[test]
    fn only_what_a_checkpoint_needs_is_fetched() {
        let needed = [
            "config.json",
            "model.safetensors",
            "tokenizer.json",
            "tokenizer.model",
            "tokenizer_config.json",
            "chat_template.jinja",
            "preprocessor_config.json",
        ];
        let other = [
            ".gitattributes",
            "README.md",
            "pytorch_model.bin",
            "model.pth",
            "consolidated.safetensors",
            "onnx/model.onnx",
            "onnx/tokenizer.json",
            "../config.json",
            "photo.png",
            "training_args.json",
        ];
        assert_eq!(chosen(&[&needed[..], &other].concat()), needed);
    }

    #[test]
    fn shards_come_with_their_index_and_odd_names_when_there_is_nothing_else() {
        let shards =
            [INDEX, "model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"];
        assert_eq!(chosen(&[&shards[..], &["consolidated.safetensors"]].concat()), shards);
        assert_eq!(chosen(&["weights.00.safetensors"]), ["weights.00.safetensors"]);
    }

    #[test]
    fn a_listing_names_the_commit_and_every_size_and_hash() {
        let (git, sha256) = ("a".repeat(40), "b".repeat(64));
        let json = format!(
            r#"{{"sha": "{}", "siblings": [
                {{"rfilename": "model.safetensors", "size": 9, "blobId": "{git}",
                  "lfs": {{"sha256": "{sha256}", "size": 9, "pointerSize": 130}}}},
                {{"rfilename": "config.json", "size": 2, "blobId": "{git}"}},
                {{"rfilename": "README.md"}}]}}"#,
            "c".repeat(40)
        );
        let listing = Listing::parse("o/n", "u", json.as_bytes()).unwrap();
        assert_eq!(listing.commit, "c".repeat(40));
        let named: Vec<_> =
            listing.files.iter().map(|it| (&*it.name, it.size, it.checksum.hex())).collect();
        assert_eq!(named, [("model.safetensors", 9, &*sha256), ("config.json", 2, &*git)]);
        let unnamed = json.replace("\"size\": 2, ", "");
        let error = Listing::parse("o/n", "u", unnamed.as_bytes()).unwrap_err().to_string();
        assert!(error.contains("size or hash of config.json are missing"), "{error}");
    }

    #[test]
    fn a_repository_without_safetensors_is_no_checkpoint() {
        let json = |name: &str| {
            let file = format!(r#"{{"rfilename": "{name}", "size": 2, "blobId": "{:040}"}}"#, 1);
            format!(r#"{{"sha": "{:040}", "siblings": [{file}]}}"#, 7)
        };
        let error = |name| Listing::parse("o/n", "u", json(name).as_bytes()).unwrap_err();
        assert!(
            error("config.json").to_string().starts_with("o/n has no *.safetensors file: only")
        );
        assert!(error("a.safetensors").to_string().starts_with("o/n has no config.json: only"));
    }
}
