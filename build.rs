//! Lists the files of the shipped model and dataset for the program to carry, and
//! notes which commit it is built from.

use std::{env, error::Error, fmt::Write as _, fs, path::Path, process::Command};

fn main() -> Result<(), Box<dyn Error>> {
    let (root, out) = (env::var("CARGO_MANIFEST_DIR")?, env::var("OUT_DIR")?);
    let mut code = String::new();
    for (name, folder) in [("SMOLVLM_TINY", "models/smolvlm_tiny"), ("SHAPES", "datasets/shapes")] {
        println!("cargo::rerun-if-changed={folder}");
        let mut files = Vec::new();
        collect(&Path::new(&root).join(folder), "", &mut files);
        files.sort();
        writeln!(code, "pub(crate) const {name}: &[(&str, &[u8])] = &[")?;
        for (relative, path) in files {
            writeln!(code, "    ({relative:?}, include_bytes!({path:?})),")?;
        }
        code.push_str("];\n");
    }
    fs::write(Path::new(&out).join("embedded_files.rs"), code)?;
    revision();
    Ok(())
}

/// What the program reads: data, not the scripts that made it.
fn collect(folder: &Path, prefix: &str, files: &mut Vec<(String, String)>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let (path, name) = (entry.path(), entry.file_name().to_string_lossy().into_owned());
        let relative = format!("{prefix}{name}");
        if path.is_dir() {
            collect(&path, &format!("{relative}/"), files);
        } else if ["json", "jinja", "safetensors", "toml", "png", "jpg"]
            .iter()
            .any(|kind| path.extension().is_some_and(|extension| extension == *kind))
        {
            files.push((relative, path.to_string_lossy().into_owned()));
        }
    }
}

fn revision() {
    println!("cargo::rerun-if-changed=.git/logs/HEAD");
    let output = Command::new("git").args(["rev-parse", "--short=12", "HEAD"]).output();
    if let Some(output) = output.ok().filter(|output| output.status.success()) {
        let revision = String::from_utf8_lossy(&output.stdout);
        println!("cargo::rustc-env=VLM_TEST_GIT_REVISION={}", revision.trim());
    }
}
