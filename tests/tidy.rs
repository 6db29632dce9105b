//! Style as a test: what a reader should be able to count on.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::fs;
use std::path::{Path, PathBuf};

/// The most lines of a source file, its tests left out.
const MOST_LINES: usize = 600;

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() {
            if !["target", "node_modules", "dist", "testdata"].contains(&name.as_str()) && !name.starts_with('.') {
                sources(&path, found);
            }
        } else if [".rs", ".ts", ".mjs"].iter().any(|end| name.ends_with(end)) {
            found.push(path);
        }
    }
}

fn all_sources() -> Vec<(PathBuf, String)> {
    // Relative to the package, where cargo runs its tests: a path taken while compiling may be another checkout's.
    let top = Path::new("..");
    let mut found = Vec::new();
    sources(top, &mut found);
    assert!(found.len() > 50, "the sources were not found: {found:?}");
    found
        .into_iter()
        .map(|path| (path.strip_prefix(top).unwrap().to_owned(), fs::read_to_string(&path).unwrap()))
        .collect()
}

#[test]
fn a_file_fits_a_head() {
    for (path, text) in all_sources() {
        let is_test = ["tests.rs", ".test.ts", ".e2e.mjs"].iter().any(|end| path.to_string_lossy().ends_with(end));
        let code = text.lines().take_while(|line| !line.starts_with("#[cfg(test)]")).count();
        assert!(is_test || code <= MOST_LINES, "{} has {code} lines without its tests; split it", path.display());
    }
}

#[test]
fn every_rust_module_says_what_it_is_for() {
    for (path, text) in all_sources() {
        let name = path.to_string_lossy();
        let is_test_sibling = name.ends_with("_tests.rs") || name.ends_with("/tests.rs");
        if name.ends_with(".rs") && !is_test_sibling {
            assert!(text.starts_with("//!"), "{name} does not begin with a module doc");
        }
    }
}

#[test]
fn nothing_is_left_for_the_reader() {
    // Written apart, so that this file does not find itself.
    let marks = [["TO", "DO"], ["FIX", "ME"], ["XX", "X"]].map(|parts| parts.concat());
    for (path, text) in all_sources() {
        for (number, line) in text.lines().enumerate() {
            let mark = marks.iter().find(|mark| line.contains(&format!("// {mark}")));
            assert!(mark.is_none(), "{}:{}: {line}", path.display(), number + 1);
        }
    }
}
