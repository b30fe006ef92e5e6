//! From what a person types to a dataset's folder: a path, or a name under a
//! `datasets/` folder here or above.

use std::{
    collections::BTreeSet,
    env,
    path::{Path, PathBuf},
};

use super::{
    error::{DatasetError, NoDataset},
    source,
};

/// Least Jaro-Winkler similarity at which another name is suggested.
const SIMILAR: f64 = 0.7;

/// The folder of the dataset `name_or_dir`.
///
/// A bare name is looked up in `datasets/` beside the current directory and each
/// folder above it, then likewise from the executable. Anything else, and a name
/// not found so, is a path.
///
/// # Errors
/// [`DatasetError::NoDataset`] with the known names and the nearest of them;
/// [`DatasetError::NotAFolder`] if the path is a file.
pub fn find(name_or_dir: &str) -> Result<PathBuf, DatasetError> {
    find_from(name_or_dir, &starts())
}

/// Names of the datasets that [`find`] finds by name, sorted.
pub fn known() -> Vec<String> {
    known_from(&starts())
}

/// Where the search for `datasets/` begins: here, and where the program lies.
fn starts() -> Vec<PathBuf> {
    let executable = env::current_exe().ok().and_then(|exe| exe.canonicalize().ok());
    env::current_dir().ok().into_iter().chain(executable).collect()
}

fn find_from(name_or_dir: &str, starts: &[PathBuf]) -> Result<PathBuf, DatasetError> {
    let path = Path::new(name_or_dir);
    if is_bare_name(path) {
        let named =
            shelves(starts).map(|shelf| shelf.join(path)).find(|dir| source::is_dataset(dir));
        if let Some(dir) = named {
            return Ok(dir);
        }
    }
    if path.is_dir() {
        return Ok(path.to_path_buf());
    }
    if path.exists() {
        return Err(DatasetError::NotAFolder(path.to_path_buf()));
    }
    let known = known_from(starts);
    let nearest = nearest(name_or_dir, &known);
    Err(DatasetError::NoDataset(NoDataset { name: name_or_dir.to_owned(), nearest, known }))
}

/// One plain component: no separator, no `.` or `..`, no root.
fn is_bare_name(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name == path.as_os_str())
}

/// The `datasets/` folders at and above the starts, nearest first.
fn shelves(starts: &[PathBuf]) -> impl Iterator<Item = PathBuf> {
    let places = starts.iter().flat_map(|start| start.ancestors());
    places.map(|place| place.join("datasets")).filter(|shelf| shelf.is_dir())
}

fn known_from(starts: &[PathBuf]) -> Vec<String> {
    let folders = shelves(starts).filter_map(|shelf| shelf.read_dir().ok()).flatten().flatten();
    let datasets = folders.filter(|entry| source::is_dataset(&entry.path()));
    let names: BTreeSet<_> =
        datasets.filter_map(|entry| entry.file_name().into_string().ok()).collect();
    names.into_iter().collect()
}

fn nearest(name: &str, known: &[String]) -> Option<String> {
    let name = name.to_lowercase();
    let rated =
        known.iter().map(|other| (strsim::jaro_winkler(&name, &other.to_lowercase()), other));
    let best = rated.max_by(|a, b| a.0.total_cmp(&b.0))?;
    (best.0 >= SIMILAR).then(|| best.1.clone())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use tempfile::TempDir;

    use super::*;

    /// A checkout with two datasets, and a folder deep inside it.
    fn checkout() -> (TempDir, PathBuf) {
        let root = tempfile::tempdir().unwrap();
        for name in ["shapes", "letters"] {
            let dir = root.path().join("datasets").join(name);
            fs::create_dir_all(&dir).unwrap();
            fs::write(dir.join("dataset.toml"), "").unwrap();
        }
        fs::create_dir_all(root.path().join("datasets/empty")).unwrap();
        let deep = root.path().join("src/deep");
        fs::create_dir_all(&deep).unwrap();
        (root, deep)
    }

    #[test]
    fn a_name_is_found_from_a_folder_below() {
        let (root, deep) = checkout();
        let found = find_from("shapes", &[deep]).unwrap();
        assert_eq!(found, root.path().join("datasets/shapes"));
    }

    #[test]
    fn a_path_to_a_folder_is_taken_as_it_is() {
        let (_root, deep) = checkout();
        assert_eq!(find_from(deep.to_str().unwrap(), &[]).unwrap(), deep);
    }

    #[test]
    fn a_mistyped_name_gets_the_nearest_and_all_known() {
        let (_root, deep) = checkout();
        let error = find_from("Shapse", &[deep]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "no dataset `Shapse`; did you mean `shapes`? \
             (known: letters, shapes; or give the path of a folder)"
        );
    }

    #[test]
    fn a_name_like_no_other_gets_no_suggestion() {
        let (_root, deep) = checkout();
        match find_from("qqq", &[deep]) {
            Err(DatasetError::NoDataset(none)) => assert_eq!(none.nearest, None),
            other => panic!("{other:?}"),
        }
        let text = find_from("xyz", &[]).unwrap_err().to_string();
        assert_eq!(text, "no dataset `xyz`; give the path of a folder");
    }

    #[test]
    fn a_file_is_not_a_dataset() {
        let (root, _deep) = checkout();
        let file = root.path().join("datasets/shapes/dataset.toml");
        let error = find_from(file.to_str().unwrap(), &[]).unwrap_err();
        assert!(matches!(error, DatasetError::NotAFolder(path) if path == file));
    }

    #[test]
    fn a_folder_without_a_dataset_is_not_known_by_name() {
        let (_root, deep) = checkout();
        assert_eq!(known_from(&[deep]), ["letters", "shapes"]);
    }
}
