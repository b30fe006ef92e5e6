//! SHA-256 in the form in which it is recorded and compared: lower-case hex.

use std::{
    fmt::Write as _,
    fs::File,
    io::{self, Read},
    path::Path,
};

use sha2::{Digest, Sha256};

/// Files are read in pieces of this many bytes.
const BUFFER_BYTES: usize = 1 << 20;

/// `bytes` in lower-case hex.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut hex, byte| {
        // Writing into a String cannot fail.
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

/// SHA-256 of `bytes`.
///
/// ```
/// let digest = vlm_test::sha256::of_bytes(b"abc");
/// assert!(digest.starts_with("ba7816bf") && digest.ends_with("f20015ad"));
/// ```
pub fn of_bytes(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// SHA-256 of a file's content, read in pieces.
///
/// # Errors
/// What the system says where the file cannot be read.
pub fn of_file(path: &Path) -> io::Result<String> {
    let (mut file, mut hasher) = (File::open(path)?, Sha256::new());
    let mut buffer = vec![0; BUFFER_BYTES];
    loop {
        match file.read(&mut buffer) {
            Ok(0) => return Ok(hex(&hasher.finalize())),
            Ok(read) => hasher.update(buffer.get(..read).unwrap_or_default()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_file_longer_than_the_buffer_is_read_whole() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("long");
        let content = vec![7_u8; BUFFER_BYTES + 3];
        fs::write(&file, &content).unwrap();
        assert_eq!(of_file(&file).unwrap(), of_bytes(&content));
    }
}
