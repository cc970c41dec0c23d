//! The file that keeps the cursor between runs.

use std::path::Path;
use std::{fs, io};

/// The cursor in `file`, if there is one.
pub(super) fn kept(file: &Path) -> io::Result<Option<String>> {
    match fs::read_to_string(file) {
        Ok(text) => Ok(Some(text.trim().to_owned()).filter(|cursor| !cursor.is_empty())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Replaces the file whole: a crash leaves the old cursor or the new one.
pub(super) fn keep(file: &Path, cursor: &str) -> io::Result<()> {
    let mut next = file.as_os_str().to_owned();
    next.push(".next");
    fs::write(&next, format!("{cursor}\n"))?;
    fs::rename(next, file)
}
