//! From what a person types to a dataset's folder, the one that is part of the program included.

use std::path::PathBuf;

use crate::{
    dataset::{self, DatasetError, NoDataset},
    embedded,
    error::{CommandError, ExitStatus},
};

/// The folder of the dataset `name_or_dir`; the built-in one is unpacked where no folder of its
/// name is found.
///
/// # Errors
/// [`CommandError`] if there is none, or the built-in one cannot be unpacked.
pub fn find_dataset(name_or_dir: &str) -> Result<PathBuf, CommandError> {
    match dataset::find(name_or_dir) {
        Err(DatasetError::NoDataset(_)) if name_or_dir == embedded::DATASET.name => {
            let unpacked = embedded::DATASET.unpack();
            unpacked.map_err(|error| CommandError::new(ExitStatus::CouldNotTest, error))
        }
        Err(DatasetError::NoDataset(unknown)) => {
            Err(DatasetError::NoDataset(knowing_the_built_in(unknown)).into())
        }
        found => Ok(found?),
    }
}

/// The dataset that is part of the program is known even where no folder holds one.
fn knowing_the_built_in(mut unknown: NoDataset) -> NoDataset {
    let name = embedded::DATASET.name;
    if !unknown.known.iter().any(|known| known == name) {
        unknown.known.push(name.to_owned());
        unknown.known.sort();
        let near = strsim::jaro_winkler(&unknown.name.to_lowercase(), name) >= 0.7;
        unknown.nearest = unknown.nearest.or_else(|| near.then(|| name.to_owned()));
    }
    unknown
}
