//! The images of a plain folder.

use std::path::{Path, PathBuf};

use super::error::DatasetError;

/// Endings, in lower case, of the names of images that can be decoded.
const ENDINGS: [&str; 8] = ["png", "jpg", "jpeg", "webp", "gif", "bmp", "tif", "tiff"];

/// Every image file in `folder` itself, by its extension, in order of name; hidden files are left
/// out.
///
/// # Errors
/// [`DatasetError::NotAFolder`] if it is none, [`DatasetError::NoImages`] if no image
/// is in it, [`DatasetError::Read`] if it cannot be listed.
pub fn image_files(folder: &Path) -> Result<Vec<PathBuf>, DatasetError> {
    if !folder.is_dir() {
        return Err(DatasetError::NotAFolder(folder.to_path_buf()));
    }
    let mut files = Vec::new();
    for entry in folder.read_dir().map_err(DatasetError::read(folder))? {
        let path = entry.map_err(DatasetError::read(folder))?.path();
        if is_image(&path) && path.is_file() {
            files.push(path);
        }
    }
    if files.is_empty() {
        return Err(DatasetError::NoImages { folder: folder.to_path_buf(), endings: &ENDINGS });
    }
    files.sort();
    Ok(files)
}

fn is_image(path: &Path) -> bool {
    let hidden = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
    let ending = path.extension().map(|ending| ending.to_string_lossy().to_lowercase());
    !hidden && ending.is_some_and(|ending| ENDINGS.contains(&&*ending))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn images_come_in_order_of_name_and_nothing_else_does() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["b.JPG", "a.png", "c.txt", ".hidden.png", "d.tiff", "png"] {
            fs::write(folder.path().join(name), "").unwrap();
        }
        fs::create_dir(folder.path().join("folder.png")).unwrap();
        let files = image_files(folder.path()).unwrap();
        let names: Vec<_> = files.iter().map(|it| it.file_name().unwrap()).collect();
        assert_eq!(names, ["a.png", "b.JPG", "d.tiff"]);
    }

    #[test]
    fn a_folder_without_images_and_none_at_all_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let none = image_files(folder.path()).unwrap_err().to_string();
        assert!(none.contains(&*folder.path().to_string_lossy()), "{none}");
        let error = image_files(&folder.path().join("x")).unwrap_err();
        assert!(matches!(error, DatasetError::NotAFolder(path) if path.ends_with("x")));
    }
}
