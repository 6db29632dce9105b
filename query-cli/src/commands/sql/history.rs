//! Where the prompt remembers what was asked: `sql_history` in the folder for weir's state, by the rules of the XDG Base
//! Directory Specification.
//!
//! Statements name users, so only their owner may read the file.

use std::ffi::OsString;
use std::fs::DirBuilder;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

/// The file, in `$XDG_STATE_HOME/weir` or else in `~/.local/state/weir`. `None` where nobody is at home.
pub fn file() -> Option<PathBuf> {
    Some(folder(std::env::var_os("XDG_STATE_HOME"), std::env::var_os("HOME"))?.join("sql_history"))
}

fn folder(state_home: Option<OsString>, home: Option<OsString>) -> Option<PathBuf> {
    // A relative path is to be ignored, says the specification; an empty one is as none.
    let absolute = |path: OsString| Some(PathBuf::from(path)).filter(|path| path.is_absolute());
    let state = state_home.and_then(absolute);
    let state = state.or_else(|| Some(home.and_then(absolute)?.join(".local").join("state")))?;
    Some(state.join("weir"))
}

/// Makes the folder of the file.
///
/// # Errors
/// Why it cannot be made.
pub fn make_folder(file: &Path) -> io::Result<()> {
    let Some(folder) = file.parent() else { return Ok(()) };
    DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_state_home_is_absolute_or_below_home() {
        let found = |state_home: Option<&str>, home: Option<&str>| {
            folder(state_home.map(OsString::from), home.map(OsString::from)).map(|path| path.display().to_string())
        };
        assert_eq!(found(Some("/state"), Some("/home/ana")), Some("/state/weir".to_owned()));
        for ignored in [None, Some(""), Some("state")] {
            assert_eq!(found(ignored, Some("/home/ana")), Some("/home/ana/.local/state/weir".to_owned()));
        }
        assert_eq!(found(None, None), None);
        assert_eq!(found(None, Some("")), None);
    }
}
