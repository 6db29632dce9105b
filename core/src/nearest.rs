//! "Did you mean …?": the known word that a slip of the finger turned into another.

/// Longer words are not looked up: the search costs time by length, and nobody mistypes a known word into one.
const LONGEST_WORD: usize = 64;

/// The known word nearest to `word`, if it is near: another case or separator, or a few letters off (one in three, at most
/// three).
///
/// ```
/// use weir_core::nearest::nearest;
///
/// assert_eq!(nearest("widnow", ["timezone", "window"]), Some("window"));
/// assert_eq!(nearest("ViewJob", ["view_job", "view_map"]), Some("view_job"));
/// assert_eq!(nearest("colour", ["timezone", "window"]), None);
/// ```
pub fn nearest<'k>(word: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    if word.len() > LONGEST_WORD {
        return None;
    }
    let plain = |text: &str| text.to_lowercase().replace(['_', '-', ' ', '.'], " ");
    let word = plain(word);
    let allowed = (word.chars().count() / 3).clamp(1, 3);
    known
        .into_iter()
        .map(|candidate| (strsim::osa_distance(&word, &plain(candidate)), candidate))
        .filter(|(distance, candidate)| *distance <= allowed && *distance < candidate.chars().count())
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}
