//! Finds image files by id through their COCO names, with one look at a folder
//! instead of one look per image.

use std::{
    collections::{HashMap, HashSet},
    path::{Path, PathBuf},
};

use super::error::DatasetError;

/// Extensions of image files, the one to prefer first.
const EXTENSIONS: [&str; 3] = ["jpg", "jpeg", "png"];

/// How well a file name fits an id; the smallest is taken.
type Rank = (usize, usize, String);

/// Paths of images by id.
#[derive(Debug)]
pub(super) struct Images {
    subtype: String,
    folder: PathBuf,
    found: HashMap<u64, PathBuf>,
}

impl Images {
    /// Looks for the images `wanted` in `folders`, one after another until all
    /// are found; each folder is listed at most once.
    ///
    /// A file fits an id when it is named `COCO_<subtype>_%012d`, else
    /// `COCO_<any>_%012d`, else `%012d`, with extension jpg, jpeg or png.
    ///
    /// # Errors
    /// [`DatasetError::Read`] if a folder cannot be listed.
    pub(super) fn find(
        folders: &[PathBuf],
        subtype: &str,
        mut wanted: HashSet<u64>,
    ) -> Result<Self, DatasetError> {
        let mut found = HashMap::new();
        for folder in folders {
            if wanted.is_empty() {
                break;
            }
            for (id, name) in list(folder, subtype, &wanted)? {
                wanted.remove(&id);
                found.insert(id, folder.join(name));
            }
        }
        let folder = folders.first().cloned().unwrap_or_default();
        Ok(Self { subtype: subtype.to_owned(), folder, found })
    }

    /// The image with `id`, or where it was expected.
    pub(super) fn path(&self, id: u64) -> PathBuf {
        self.found
            .get(&id)
            .cloned()
            .unwrap_or_else(|| self.folder.join(format!("COCO_{}_{id:012}.jpg", self.subtype)))
    }
}

/// The best file in `folder` for each of the `wanted` ids that has one.
fn list(
    folder: &Path,
    subtype: &str,
    wanted: &HashSet<u64>,
) -> Result<Vec<(u64, String)>, DatasetError> {
    let mut best: HashMap<u64, Rank> = HashMap::new();
    for entry in folder.read_dir().map_err(DatasetError::read(folder))? {
        let name = entry.map_err(DatasetError::read(folder))?.file_name();
        let fit = name.to_str().and_then(|name| parse(name, subtype));
        let Some((id, rank)) = fit.filter(|(id, _)| wanted.contains(id)) else { continue };
        let better = best.get(&id).is_none_or(|old| rank < *old);
        if better {
            best.insert(id, rank);
        }
    }
    Ok(best.into_iter().map(|(id, (_, _, name))| (id, name)).collect())
}

/// The id in a file name, and how well the name fits `subtype`.
fn parse(name: &str, subtype: &str) -> Option<(u64, Rank)> {
    let (stem, extension) = name.rsplit_once('.')?;
    let extension = EXTENSIONS.iter().position(|known| extension.eq_ignore_ascii_case(known))?;
    let (prefix, digits) = stem.rsplit_once('_').map_or((None, stem), |(p, d)| (Some(p), d));
    if digits.len() < 12 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let fit = match prefix.map(|prefix| prefix.strip_prefix("COCO_")) {
        Some(Some(named)) if named == subtype => 0,
        Some(Some(_)) => 1,
        Some(None) => return None,
        None => 2,
    };
    Some((digits.parse().ok()?, (fit, extension, name.to_owned())))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use proptest::prelude::*;

    use super::*;

    fn names(files: &[&str], wanted: &[u64]) -> Vec<String> {
        let folder = tempfile::tempdir().unwrap();
        for file in files {
            fs::write(folder.path().join(file), "").unwrap();
        }
        let folders = [folder.path().to_path_buf()];
        let images = Images::find(&folders, "val2014", wanted.iter().copied().collect()).unwrap();
        let name = |id: &u64| images.path(*id).file_name().unwrap().to_str().unwrap().to_owned();
        wanted.iter().map(name).collect()
    }

    #[test]
    fn the_published_name_is_preferred_then_another_split_then_the_bare_id() {
        let (val, train) = ("COCO_val2014_000000000007.jpg", "COCO_train2014_000000000007.jpg");
        let bare = "000000000007.jpg";
        assert_eq!(names(&[bare, train, val], &[7]), [val]);
        assert_eq!(names(&[bare, train], &[7]), [train]);
        assert_eq!(names(&[bare], &[7]), [bare]);
    }

    #[test]
    fn jpeg_and_png_are_found_in_any_case() {
        let files = ["COCO_val2014_000000000001.PNG", "COCO_val2014_000000000002.jpeg"];
        assert_eq!(names(&files, &[1, 2]), files);
    }

    #[test]
    fn names_that_only_resemble_an_id_are_no_images_of_it() {
        let files = ["7.jpg", "COCO_val2014_7.jpg", "x_000000000007.jpg", "000000000007.txt"];
        assert_eq!(names(&files, &[7]), ["COCO_val2014_000000000007.jpg"]);
    }

    #[test]
    fn a_later_folder_supplies_what_the_first_lacks() {
        let root = tempfile::tempdir().unwrap();
        let folders = ["a", "b"].map(|name| root.path().join(name));
        for folder in &folders {
            fs::create_dir(folder).unwrap();
        }
        fs::write(folders[0].join("000000000001.jpg"), "").unwrap();
        fs::write(folders[1].join("000000000002.jpg"), "").unwrap();
        let images = Images::find(&folders, "val2014", HashSet::from([1, 2, 3])).unwrap();
        assert_eq!(images.path(1), folders[0].join("000000000001.jpg"));
        assert_eq!(images.path(2), folders[1].join("000000000002.jpg"));
        assert_eq!(images.path(3), folders[0].join("COCO_val2014_000000000003.jpg"));
    }

    proptest! {
        #[test]
        fn any_name_is_parsed_or_passed_over(name in "(COCO_)?[a-z0-9_é]{0,9}(_?[0-9]{0,30})\\.?(jpg|PNG)?") {
            let _ = parse(&name, "val2014");
        }

        #[test]
        fn an_id_is_read_back_from_its_published_name(id in 0..1_000_000_000_000_u64) {
            let name = format!("COCO_val2014_{id:012}.jpg");
            prop_assert_eq!(parse(&name, "val2014"), Some((id, (0, 0, name.clone()))));
        }
    }
}
