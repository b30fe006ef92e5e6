//! The hashes by which the hub names file contents, computed as the bytes come.

use sha1::Sha1;
use sha2::{Digest, Sha256};

use crate::sha256;

/// What a file's contents must hash to. It is also the name of its blob in the cache.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Checksum {
    /// SHA-256 of the contents, in hex: files in large-file storage.
    Sha256(String),
    /// Git's object id, in hex: SHA-1 of `blob SIZE\0` and the contents.
    GitBlob(String),
}

impl Checksum {
    /// A SHA-256 in hex; `None` if `hex` is none.
    pub fn sha256(hex: &str) -> Option<Self> {
        is_hex(hex, 64).then(|| Self::Sha256(hex.to_owned()))
    }

    /// A Git object id in hex; `None` if `hex` is none.
    pub fn git_blob(hex: &str) -> Option<Self> {
        is_hex(hex, 40).then(|| Self::GitBlob(hex.to_owned()))
    }

    /// The expected hash in hex.
    pub fn hex(&self) -> &str {
        match self {
            Self::Sha256(hex) | Self::GitBlob(hex) => hex,
        }
    }

    /// The name of the hash.
    pub fn algorithm(&self) -> &'static str {
        match self {
            Self::Sha256(_) => "SHA-256",
            Self::GitBlob(_) => "Git SHA-1",
        }
    }

    /// Begins to hash a file of `size` bytes.
    pub fn begin(&self, size: u64) -> Hashing {
        match self {
            Self::Sha256(_) => Hashing::Sha256(Sha256::new()),
            Self::GitBlob(_) => Hashing::GitBlob(Sha1::new_with_prefix(format!("blob {size}\0"))),
        }
    }
}

fn is_hex(text: &str, length: usize) -> bool {
    text.len() == length && text.bytes().all(|it| matches!(it, b'0'..=b'9' | b'a'..=b'f'))
}

/// A hash under way.
#[derive(Clone)]
pub enum Hashing {
    /// Of [`Checksum::Sha256`].
    Sha256(Sha256),
    /// Of [`Checksum::GitBlob`].
    GitBlob(Sha1),
}

impl Hashing {
    /// Takes in the next bytes of the file.
    pub fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::Sha256(hash) => hash.update(bytes),
            Self::GitBlob(hash) => hash.update(bytes),
        }
    }

    /// The hash in hex.
    pub fn finish(self) -> String {
        match self {
            Self::Sha256(hash) => sha256::hex(&hash.finalize()),
            Self::GitBlob(hash) => sha256::hex(&hash.finalize()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hashed(checksum: &Checksum, parts: [&[u8]; 2]) -> String {
        let mut hashing = checksum.begin(parts.concat().len() as u64);
        for part in parts {
            hashing.update(part);
        }
        hashing.finish()
    }

    /// `printf 'hello world\n' | git hash-object --stdin`, and `| sha256sum`.
    #[test]
    fn both_hashes_are_those_of_git_and_sha256sum() {
        let git = Checksum::git_blob("3b18e512dba79e4c8300dd08aeb37f8e728b8dad").unwrap();
        assert_eq!(hashed(&git, [b"hello ", b"world\n"]), git.hex());
        let sha256 = "a948904f2f0f479b8f8197694b30184b0d2ed1c1cd2a1ec0fb85d299a192a447";
        let sha256 = Checksum::sha256(sha256).unwrap();
        assert_eq!(hashed(&sha256, [b"hello", b" world\n"]), sha256.hex());
    }

    #[test]
    fn what_could_be_a_path_is_no_hash() {
        assert_eq!(Checksum::sha256("../../../etc/passwd"), None);
        assert_eq!(Checksum::git_blob(&"A".repeat(40)), None);
    }
}
