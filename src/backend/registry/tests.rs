//! Names, paths and places, on real folders.

use super::*;

const TINY: &[EmbeddedFolder] = &[EmbeddedFolder {
    name: "smolvlm_tiny",
    files: &[("config.json", br#"{"model_type": "smolvlm"}"#), ("model.safetensors", b"12345")],
}];

struct World {
    root: tempfile::TempDir,
    registry: Registry,
}

fn world() -> World {
    let root = tempfile::tempdir().unwrap();
    let hub = HubCache::at(root.path().join("hub"));
    World { registry: Registry::built_in(hub, &[]).unwrap(), root }
}

impl World {
    fn put(&self, file: &str, text: &str) -> PathBuf {
        let path = self.root.path().join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        path
    }

    fn checkpoint(&self, folder: &str, model_type: &str) -> PathBuf {
        self.put(&format!("{folder}/model.safetensors"), "0123456789");
        let config = format!(r#"{{"model_type": "{model_type}"}}"#);
        self.put(&format!("{folder}/config.json"), &config).parent().unwrap().to_owned()
    }

    fn overlay(&mut self) {
        let folder = self.root.path().join("models");
        self.registry.overlay(&folder);
    }

    fn resolve(&self, name: &str) -> Result<ResolvedModel, RegistryError> {
        self.registry.resolve(name)
    }
}

#[test]
fn every_built_in_manifest_is_called_as_its_file_and_no_name_is_taken_twice() {
    let world = world();
    let mut names = Vec::new();
    for Entry { manifest, file } in &world.registry.entries {
        assert_eq!(file.file_stem().unwrap().to_str(), Some(manifest.name.as_str()));
        assert!(manifest.model_type.is_some() && !manifest.description.is_empty());
        names.extend(manifest.aliases.iter().chain([&manifest.name]));
    }
    let count = names.len();
    names.sort();
    names.dedup();
    assert_eq!(names.len(), count);
    let wanted = ["smolvlm", "smolvlm_v2_instruct", "smolvlm_256m", "smolvlm_2b", "phi35_vision"];
    for name in wanted.iter().chain(&["llava", "llava_mlx", "llava15", "smolvlm_tiny"]) {
        assert!(world.resolve(name).is_ok(), "{name}");
    }
}

#[test]
fn every_manifest_of_the_models_folder_is_built_in_or_has_its_checkpoint_beside_it() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("models");
    let files =
        fs::read_dir(&folder).unwrap().map(|it| it.unwrap().file_name().into_string().unwrap());
    for file in files.filter(|file| Path::new(file).extension().is_some_and(|it| it == "toml")) {
        let manifest = Manifest::read(&folder.join(&file)).unwrap();
        let beside = manifest.path.map(|path| folder.join(path).join("config.json"));
        let built_in = BUILT_IN.iter().any(|(name, _)| *name == file);
        assert!(built_in || beside.is_some_and(|file| file.is_file()), "{file}");
    }
}

#[test]
fn an_alias_means_its_model() {
    assert_eq!(world().resolve("llava_mlx").unwrap().manifest.name, "llava");
}

#[test]
fn a_misspelt_name_gets_the_nearest_and_a_strange_one_the_list() {
    let error = world().resolve("smolvml").unwrap_err().to_string();
    assert!(error.contains("did you mean 'smolvlm'?"), "{error}");
    let error = world().resolve("quite_another").unwrap_err().to_string();
    assert!(!error.contains("did you mean"), "{error}");
    assert!(error.contains("llava15, phi35_vision, smolvlm, smolvlm_256m"), "{error}");
}

#[test]
fn missing_weights_come_with_the_command_that_gets_them() {
    let error = world().resolve("smolvlm").unwrap().ready().unwrap_err().to_string();
    assert!(error.contains("`vlm-test models pull smolvlm`"), "{error}");
}

#[test]
fn a_repository_of_the_hub_needs_no_manifest_but_yields_to_a_folder_of_the_user() {
    let world = world();
    let model = world.resolve("org/vlm@v2").unwrap();
    let repository = model.hub_model().unwrap();
    assert_eq!(
        (repository.repository.as_str(), repository.revision.as_deref()),
        ("org/vlm", Some("v2"))
    );
    let error = model.ready().unwrap_err().to_string();
    assert!(error.contains("`vlm-test models pull org/vlm@v2`"), "{error}");
    world.put("hub/models--org--vlm/refs/v2", "abc");
    let folder = world.checkpoint("hub/models--org--vlm/snapshots/abc", "smolvlm");
    let model = world.resolve("org/vlm@v2").unwrap();
    assert_eq!((model.ready().unwrap(), model.commit().as_deref()), (folder, Some("abc")));
    // `src` is a folder where the tests run.
    assert!(
        world.resolve("src/none").unwrap_err().to_string().contains("src/none is not a folder")
    );
}

#[test]
fn a_manifest_cannot_name_what_is_no_repository_or_revision() {
    let refused = |fields: &str| {
        let text = format!("name = 'x'\n{fields}");
        Manifest::parse(&text, Path::new("x.toml")).unwrap_err().to_string()
    };
    let error = refused("repository = 'just-a-name'");
    assert_eq!(error, "x.toml: repository 'just-a-name' must be owner/name");
    let error = refused("repository = 'o/n'\nrevision = '../up'");
    assert_eq!(error, "x.toml: revision '../up' must be a branch, tag or commit");
}

#[test]
fn a_family_that_is_not_built_says_so_before_its_weights_are_asked_for() {
    let mut world = world();
    world.put("models/other.toml", "name = 'other'\nrepository = 'a/b'\nmodel_type = 'qwen2_vl'");
    world.overlay();
    let model = world.resolve("other").unwrap();
    assert!(!model.is_built());
    let error = model.ready().unwrap_err().to_string();
    assert!(
        error.contains("'qwen2_vl'") && error.contains("supported: idefics3, llava"),
        "{error}"
    );
}

#[test]
fn downloaded_weights_are_found_and_measured() {
    let world = world();
    let repository = "hub/models--mlx-community--SmolVLM2-500M-Video-Instruct-mlx";
    world.put(&format!("{repository}/refs/main"), "abc\n");
    let folder = world.checkpoint(&format!("{repository}/snapshots/abc"), "smolvlm");
    let model = world.resolve("smolvlm").unwrap();
    assert_eq!(model.ready().unwrap(), folder);
    assert_eq!((model.weight_bytes(), model.size_on_disk()), (Some(10), Some(35)));
}

#[test]
fn a_checkpoint_of_another_family_contradicts_its_manifest() {
    let mut world = world();
    world.checkpoint("models/mine", "idefics3");
    world.put("models/mine.toml", "name = 'mine'\npath = 'mine'\nmodel_type = 'smolvlm'");
    world.overlay();
    let error = world.resolve("mine").unwrap().ready().unwrap_err().to_string();
    assert!(error.contains("config.json says model_type 'idefics3'"), "{error}");
    assert!(error.contains("manifest of 'mine' expects 'smolvlm'"), "{error}");
}

#[test]
fn a_folder_works_wherever_a_name_does() {
    let world = world();
    let folder = world.checkpoint("some/vlm", "idefics3");
    let model = world.resolve(folder.to_str().unwrap()).unwrap();
    assert_eq!((model.manifest.name.as_str(), model.ready().unwrap()), ("vlm", folder));
    let folder = world.checkpoint("models--org--nice/snapshots/123", "idefics3");
    assert_eq!(world.resolve(folder.to_str().unwrap()).unwrap().manifest.name, "nice");
}

#[test]
fn a_folder_that_is_no_checkpoint_says_what_it_lacks() {
    let world = world();
    let error = |path: &Path| {
        let resolved = world.resolve(path.to_str().unwrap());
        resolved.and_then(|model| model.ready()).unwrap_err().to_string()
    };
    let empty = world.put("empty/README.md", "");
    assert!(error(empty.parent().unwrap()).contains("no config.json"));
    let torn = world.put("torn/config.json", "{\n\"model_type\": ");
    assert!(error(torn.parent().unwrap()).contains("line 2"));
    let bare = world.put("bare/config.json", r#"{"model_type": "smolvlm"}"#);
    assert!(error(bare.parent().unwrap()).contains("no *.safetensors"));
    let other = world.checkpoint("other", "qwen9");
    assert!(error(&other).contains("'qwen9' of 'other' is not supported yet"));
    assert!(error(&world.root.path().join("nowhere")).contains("nowhere is not a folder"));
}

#[test]
fn a_manifest_file_works_wherever_a_name_does() {
    let world = world();
    let script = world.put("x/answers.script", "default = 'yes'");
    let text = "name = 'fake'\nbackend = 'scripted'\npath = 'answers.script'";
    let model = world.resolve(world.put("x/fake.toml", text).to_str().unwrap()).unwrap();
    assert_eq!(model.ready().unwrap(), script);
    assert!(model.is_built());
    let error = world.resolve("x/none.toml").unwrap_err().to_string();
    assert!(error.contains("x/none.toml"), "{error}");
}

#[test]
fn manifests_of_a_folder_replace_built_in_ones_and_a_broken_one_keeps_its_error() {
    let mut world = world();
    world.put("models/a.toml", "name = 'smolvlm'\npath = 'elsewhere'");
    world.put("models/b.toml", "name = 'b'\nrepository = 'o/n'\naliases = ['smolvlm']");
    world.put("models/c.toml", "name = 'c'\nrepositry = 'o/n'\n");
    world.put("models/d.toml", "name = 'd'\n");
    world.overlay();
    let smolvlm = world.resolve("smolvlm").unwrap().manifest;
    assert_eq!((smolvlm.path, smolvlm.repository), (Some("elsewhere".into()), None));
    assert_eq!(world.registry.broken().count(), 3);
    assert!(world.resolve("c").unwrap_err().to_string().contains("repositry"));
    assert!(world.resolve("d").unwrap_err().to_string().contains("neither `path` nor"));
    let duplicate = world.registry.broken().next().unwrap().to_string();
    assert!(duplicate.contains("b.toml") && duplicate.contains("a.toml"), "{duplicate}");
}

#[test]
fn a_checkpoint_in_the_checkout_goes_before_the_one_in_the_program() {
    let mut world = world();
    world.registry.embedded = TINY;
    let model = world.resolve("smolvlm_tiny").unwrap();
    assert!(matches!(model.location, Location::Embedded(_)));
    assert_eq!((model.weight_bytes(), model.size_on_disk()), (Some(5), Some(30)));
    let manifest = BUILT_IN.iter().find(|(name, _)| *name == "smolvlm_tiny.toml").unwrap().1;
    world.put("models/smolvlm_tiny.toml", manifest);
    world.overlay();
    assert!(matches!(world.resolve("smolvlm_tiny").unwrap().location, Location::Embedded(_)));
    let folder = world.checkpoint("models/smolvlm_tiny", "smolvlm");
    assert_eq!(world.resolve("smolvlm_tiny").unwrap().ready().unwrap(), folder);
}

#[test]
fn the_models_folder_is_found_from_below() {
    let world = world();
    world.put("models/a.toml", "");
    world.put("some/where/below/x", "");
    let found = models_folder_above(&world.root.path().join("some/where/below"));
    assert_eq!(found, Some(world.root.path().join("models")));
}
