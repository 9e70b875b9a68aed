//! A location in words.

use schemas::data::Text;

use super::whatsapp::joined;

/// What it is called and where it is, a line each; where nothing says so, its coordinates: latitude, longitude.
pub(super) fn in_words<'a>(
    words: impl IntoIterator<Item = Option<Text<'a>>>,
    coordinates: [Option<Text<'a>>; 2],
) -> Option<Text<'a>> {
    joined(words.into_iter().flatten()).or_else(|| {
        let [latitude, longitude] = coordinates;
        Some(format!("{}, {}", latitude?, longitude?).into())
    })
}
