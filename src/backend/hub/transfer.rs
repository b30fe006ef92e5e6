//! One file, from the hub into the cache: resumed where it stopped, verified by size and
//! hash, and only then given its name.

use std::{
    fs::{self, File},
    io::{self, Read as _, Seek as _, Write as _},
    path::{Path, PathBuf},
    time::Duration,
};

use super::{
    HubError, PullEvent,
    checksum::Hashing,
    client::{Answer, Client},
    listing::RemoteFile,
    patience::Patience,
    refusal::{Subject, broken},
    store::Store,
};

/// How often to look whether another process has finished.
const LOCKED: Duration = Duration::from_millis(200);

/// A file on its way.
pub struct Transfer<'a> {
    /// The hub.
    pub client: &'a Client<'a>,
    /// The cache.
    pub store: &'a Store,
    /// `owner/name`.
    pub repository: &'a str,
    /// The commit that the file belongs to.
    pub commit: &'a str,
    /// The file.
    pub file: &'a RemoteFile,
}

/// What has arrived, and its hash.
struct Partial {
    path: PathBuf,
    file: File,
    length: u64,
    hashing: Hashing,
    /// Whether some of it was here before.
    resumed: bool,
}

impl Transfer<'_> {
    /// Fetches the file unless it is here, and tells `observe` how it goes on. Returns the
    /// bytes that came over the network.
    ///
    /// # Errors
    /// [`HubError`]; what arrived stays for the next try unless it is wrong.
    pub fn run(&self, observe: &mut dyn FnMut(PullEvent<'_>)) -> Result<u64, HubError> {
        let name = self.file.name.as_str();
        let mut told = false;
        let lock = loop {
            if let Some(lock) = self.store.lock(&self.file.checksum)? {
                break lock;
            }
            if !told {
                observe(PullEvent::Locked { name });
                told = true;
            }
            self.client.wait(LOCKED)?;
        };
        if self.store.holds(self.commit, self.file) {
            observe(PullEvent::Finished { name, size: self.file.size });
            return Ok(0);
        }
        let mut partial = self.partial()?;
        observe(PullEvent::Started { name, size: self.file.size, have: partial.length });
        let mut fetched = self.fill(&mut partial, observe)?;
        if let Err(error) = self.verify(&partial) {
            // What an earlier run left may have been damaged since.
            if !partial.resumed {
                return Err(error);
            }
            partial = self.partial()?;
            observe(PullEvent::Started { name, size: self.file.size, have: 0 });
            fetched += self.fill(&mut partial, observe)?;
            self.verify(&partial)?;
        }
        self.keep(&partial)?;
        drop(lock);
        observe(PullEvent::Finished { name, size: self.file.size });
        Ok(fetched)
    }

    /// Opens what an earlier run left, or a new file.
    fn partial(&self) -> Result<Partial, HubError> {
        let path = self.store.partial(&self.file.checksum);
        let fail = |error| HubError::write(&path, error);
        let opened =
            File::options().create(true).truncate(false).read(true).write(true).open(&path);
        let mut file = opened.map_err(fail)?;
        let mut hashing = self.file.checksum.begin(self.file.size);
        let mut length = file.metadata().map_err(fail)?.len();
        if length > self.file.size {
            file.set_len(0).map_err(fail)?;
            length = 0;
        }
        let mut buffer = vec![0; 1 << 20];
        loop {
            self.client.check_interrupt()?;
            match file.read(&mut buffer).map_err(fail)? {
                0 => break,
                count => hashing.update(buffer.get(..count).unwrap_or_default()),
            }
        }
        Ok(Partial { file, length, hashing, resumed: length > 0, path })
    }

    /// Fetches what `partial` lacks, over as many connections as it takes.
    fn fill(
        &self,
        partial: &mut Partial,
        observe: &mut dyn FnMut(PullEvent<'_>),
    ) -> Result<u64, HubError> {
        let path =
            format!("/{}/resolve/{}/{}", self.repository, self.commit, encoded(&self.file.name));
        let file = Some(self.file.name.as_str());
        let subject = Subject { repository: self.repository, revision: self.commit, file };
        let mut patience = Patience::of_a_file();
        let mut fetched = 0;
        while partial.length < self.file.size {
            let received = self.client.get(&path, partial.length, &subject);
            let received = received.and_then(|mut answer| {
                self.receive(&mut answer, partial, |bytes, have| {
                    fetched += bytes;
                    patience.received(bytes);
                    observe(PullEvent::Received { have });
                })
            });
            if let Err(error) = received {
                if let HubError::Size { .. } = error {
                    remove(&partial.path)?;
                }
                let (wait, reason) = patience.after(error)?;
                observe(PullEvent::Waiting { reason, wait });
                self.client.wait(wait)?;
            }
        }
        Ok(fetched)
    }

    /// Takes in one answer, as far as it goes.
    fn receive(
        &self,
        answer: &mut Answer<'_>,
        partial: &mut Partial,
        mut arrived: impl FnMut(u64, u64),
    ) -> Result<(), HubError> {
        if let Some(total) = answer.total.filter(|total| *total != self.file.size) {
            return Err(self.wrong_size(total));
        }
        if answer.start != partial.length {
            // A server that knows no ranges sends the file from its beginning.
            partial.restart(self.file.checksum.begin(self.file.size))?;
            if answer.start != 0 {
                return Err(broken(&self.client.settings.endpoint, "a wrong range".to_owned()));
            }
        }
        while let Some(bytes) = answer.next_bytes()? {
            let length = partial.length + bytes.len() as u64;
            if length > self.file.size {
                return Err(self.wrong_size(length));
            }
            partial.append(&bytes)?;
            arrived(bytes.len() as u64, length);
        }
        if partial.length < self.file.size {
            return Err(broken(&self.client.settings.endpoint, String::new()));
        }
        Ok(())
    }

    fn wrong_size(&self, found: u64) -> HubError {
        HubError::Size {
            repository: self.repository.to_owned(),
            file: self.file.name.clone(),
            expected: self.file.size,
            found,
        }
    }

    /// Compares the hash; what is wrong is deleted.
    fn verify(&self, partial: &Partial) -> Result<(), HubError> {
        let found = partial.hashing.clone().finish();
        if found == self.file.checksum.hex() {
            return Ok(());
        }
        remove(&partial.path)?;
        Err(HubError::Checksum {
            repository: self.repository.to_owned(),
            file: self.file.name.clone(),
            algorithm: self.file.checksum.algorithm(),
            expected: self.file.checksum.hex().to_owned(),
            found,
        })
    }

    fn keep(&self, partial: &Partial) -> Result<(), HubError> {
        let blob = self.store.blob(&self.file.checksum);
        partial.file.sync_data().map_err(|error| HubError::write(&partial.path, error))?;
        fs::rename(&partial.path, &blob).map_err(|error| HubError::write(blob, error))
    }
}

impl Partial {
    fn append(&mut self, bytes: &[u8]) -> Result<(), HubError> {
        self.file.write_all(bytes).map_err(|error| HubError::write(&self.path, error))?;
        self.hashing.update(bytes);
        self.length += bytes.len() as u64;
        Ok(())
    }

    fn restart(&mut self, hashing: Hashing) -> Result<(), HubError> {
        let emptied = self.file.set_len(0).and_then(|()| self.file.rewind());
        emptied.map_err(|error| HubError::write(&self.path, error))?;
        (self.length, self.hashing, self.resumed) = (0, hashing, false);
        Ok(())
    }
}

fn remove(path: &Path) -> Result<(), HubError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(HubError::write(path, error)),
        _ => Ok(()),
    }
}

/// `text` as one segment of a URL's path (RFC 3986 §2.1).
pub fn encoded(text: &str) -> String {
    text.bytes().fold(String::with_capacity(text.len()), |mut encoded, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
            return encoded;
        }
        encoded + &format!("%{byte:02X}")
    })
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_slash_of_a_revision_is_part_of_its_name() {
        assert_eq!(super::encoded("refs/pr/1 ä_x-1.2~"), "refs%2Fpr%2F1%20%C3%A4_x-1.2~");
    }
}
