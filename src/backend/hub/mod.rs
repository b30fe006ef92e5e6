//! Fetches checkpoints from a Hugging Face hub into the cache that the Python tools use.

pub mod checksum;
pub mod client;
mod error;
pub mod event;
pub mod listing;
pub mod patience;
pub mod refusal;
pub mod settings;
pub mod store;
pub mod transfer;

use std::{path::PathBuf, sync::atomic::AtomicBool};

use self::{
    client::Client,
    listing::Listing,
    patience::Patience,
    refusal::Subject,
    store::Store,
    transfer::{Transfer, encoded},
};
use super::hub_cache::{HubCache, commit_of_snapshot};

pub use self::{error::HubError, event::PullEvent, settings::HubSettings};

/// A repository of a hub at a revision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HubModel {
    /// `owner/name`.
    pub repository: String,
    /// A branch, tag or commit; `main` if `None`.
    pub revision: Option<String>,
}

/// A checkpoint that is in the cache now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pulled {
    /// Its folder.
    pub snapshot: PathBuf,
    /// The commit that the revision means.
    pub commit: String,
    /// Bytes that came over the network for it.
    pub fetched_bytes: u64,
}

impl HubModel {
    /// Reads `owner/name` or `owner/name@revision`; `None` if `text` cannot be one.
    ///
    /// ```
    /// use vlm_test::backend::hub::HubModel;
    /// let model = HubModel::parse("org/vlm@v2").unwrap();
    /// assert_eq!((model.repository.as_str(), model.revision.as_deref()), ("org/vlm", Some("v2")));
    /// assert_eq!(HubModel::parse("../vlm"), None);
    /// ```
    pub fn parse(text: &str) -> Option<Self> {
        let (repository, revision) = match text.split_once('@') {
            Some((repository, revision)) => (repository, Some(revision)),
            None => (text, None),
        };
        let (owner, name) = repository.split_once('/')?;
        let is_name = |part: &str| {
            let allowed = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
            !part.is_empty() && part.chars().all(allowed) && !part.starts_with('.')
        };
        let fits = is_name(owner) && is_name(name) && revision.is_none_or(is_revision);
        let revision = revision.map(str::to_owned);
        fits.then(|| Self { repository: repository.to_owned(), revision })
    }
}

/// Whether `text` can be the name of a branch, tag or commit; it becomes part of a path.
pub fn is_revision(text: &str) -> bool {
    let is_part = |part: &str| !part.is_empty() && part != "." && part != "..";
    text.split('/').all(is_part) && !text.contains(['\\', '\0'])
}

/// Brings `model` into the cache: what is missing of it is fetched and verified, then its
/// snapshot appears. A rise of `interrupt` ends it; what arrived is kept for the next time.
///
/// # Errors
/// [`HubError`] says what is wrong and what to do.
pub fn pull(
    model: &HubModel,
    settings: HubSettings,
    interrupt: &AtomicBool,
    observe: &mut dyn FnMut(PullEvent<'_>),
) -> Result<Pulled, HubError> {
    if settings.offline {
        return in_cache(model, &settings);
    }
    let store = Store::new(&settings.cache, &model.repository);
    let client = Client::new(settings, interrupt);
    let revision = model.revision.as_deref().unwrap_or("main");
    let listing = listing(&client, &model.repository, revision, observe)?;
    let (repository, commit) = (model.repository.as_str(), listing.commit.as_str());
    let lacking: Vec<_> = listing.files.iter().filter(|file| !store.holds(commit, file)).collect();
    let bytes: u64 = lacking.iter().map(|file| store.missing_bytes(file)).sum();
    let files = lacking.len();
    observe(PullEvent::Resolved { repository, revision, commit, files, bytes });
    if let Some(free) = store.free_bytes().filter(|free| *free < bytes) {
        let (repository, cache) = (repository.to_owned(), client.settings.cache.clone());
        return Err(HubError::NoSpace { repository, needed: bytes, free, cache });
    }
    store.create()?;
    let mut fetched_bytes = 0;
    for file in lacking {
        let transfer = Transfer { client: &client, store: &store, repository, commit, file };
        fetched_bytes += transfer.run(observe)?;
    }
    client.check_interrupt()?;
    let snapshot = store.register(commit, revision, &listing.files)?;
    Ok(Pulled { snapshot, commit: listing.commit, fetched_bytes })
}

fn in_cache(model: &HubModel, settings: &HubSettings) -> Result<Pulled, HubError> {
    let found = HubCache::from_env().find(&model.repository, model.revision.as_deref());
    let Some(snapshot) = found else {
        let (repository, cache) = (model.repository.clone(), settings.cache.clone());
        return Err(HubError::Offline { repository, cache });
    };
    let commit = commit_of_snapshot(&snapshot).unwrap_or_default();
    Ok(Pulled { snapshot, commit, fetched_bytes: 0 })
}

fn listing(
    client: &Client<'_>,
    repository: &str,
    revision: &str,
    observe: &mut dyn FnMut(PullEvent<'_>),
) -> Result<Listing, HubError> {
    let path = format!("/api/models/{repository}/revision/{}?blobs=true", encoded(revision));
    let subject = Subject { repository, revision, file: None };
    let mut patience = Patience::of_a_question();
    loop {
        let error = match client.get(&path, 0, &subject).and_then(client::Answer::text) {
            Ok(json) => {
                let url = format!("{}{path}", client.settings.endpoint);
                return Listing::parse(repository, &url, &json);
            }
            Err(error) => error,
        };
        let (wait, reason) = patience.after(error)?;
        observe(PullEvent::Waiting { reason, wait });
        client.wait(wait)?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repository_is_an_owner_and_a_name_and_maybe_a_revision() {
        let parsed = |text| HubModel::parse(text).map(|it| (it.repository, it.revision));
        assert_eq!(parsed("o/n-1.5_x"), Some(("o/n-1.5_x".to_owned(), None)));
        let pull_request = Some(("o/n".to_owned(), Some("refs/pr/3".to_owned())));
        assert_eq!(parsed("o/n@refs/pr/3"), pull_request);
        for text in ["n", "o/n/x", "./n", "../n", "/n", "o/", "o/.n", "~/n", "o/n@", "o/n@../x"] {
            assert_eq!(parsed(text), None, "{text}");
        }
    }
}
