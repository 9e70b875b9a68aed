//! `changed_attributes`: what became of what, and when.
//!
//! Chatwoot builds a body when its background job runs, so what a body shows is how things stood by then, which may be several
//! changes later; the changes go by value. So they say what an event is, and where they name a member its value is theirs.
//! Conversations and contacts have had them since version 2.4, messages not yet in any release (chatwoot/chatwoot#15908).

use schemas::data::Text;
use schemas::time::Timestamp;

use crate::normalize::digest;
use crate::normalize::json::{Json, object};

object! {
    Change { previous: Json = "previous_value", current: Json = "current_value", }
}

/// What changed, by the names of the columns. Empty where the body does not say.
pub(super) struct Changes<'a>(Vec<(Text<'a>, Change<'a>)>);

impl<'a> Changes<'a> {
    /// A list of objects with a member each, or one object with all of them.
    pub(super) fn of(attributes: Json<'a>) -> Self {
        let all = attributes.elements().flat_map(Json::members);
        Self(all.map(|(name, change)| (name, Change::of(change))).collect())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn get(&self, name: &str) -> Option<&Change<'a>> {
        self.0
            .iter()
            .find(|(changed, _)| changed == name)
            .map(|(_, change)| change)
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// What the member was before this event; absent if that is not said.
    pub(super) fn before(&self, name: &str) -> Json<'a> {
        self.get(name).map(|change| change.previous).unwrap_or_default()
    }

    /// What the member became by this event; as shown if it is not among the changes.
    pub(super) fn after(&self, name: &str, shown: Json<'a>) -> Json<'a> {
        self.get(name).map_or(shown, |change| change.current)
    }

    /// When it happened.
    pub(super) fn at(&self) -> Option<Timestamp> {
        self.after("updated_at", Json::default()).time()
    }

    /// One text for all of it, which is another one for any other change.
    pub(super) fn identity(&self) -> Text<'a> {
        let mut all = String::new();
        for (name, change) in &self.0 {
            all.push_str(name);
            push(&mut all, change.previous);
            push(&mut all, change.current);
        }
        digest(all).into()
    }

    pub(super) fn into_names(self) -> Vec<Text<'a>> {
        self.0.into_iter().map(|(name, _)| name).collect()
    }
}

impl<'a> Change<'a> {
    /// Some forks send the pair that Rails has.
    fn of(json: Json<'a>) -> Self {
        if json.raw().starts_with('[') {
            let mut pair = json.elements();
            let (previous, current) = (pair.next().unwrap_or_default(), pair.next().unwrap_or_default());
            return Self { previous, current };
        }
        json.read()
    }
}

/// The value on a line of its own, without the white space around its parts; nothing for `null`.
pub(super) fn push(out: &mut String, json: Json<'_>) {
    out.push('\n');
    let raw = if json.is_there() { json.raw() } else { "" };
    if !raw.starts_with(['{', '[']) {
        out.push_str(raw);
        return;
    }
    let (mut in_text, mut escaped) = (false, false);
    for c in raw.chars() {
        if in_text || !c.is_ascii_whitespace() {
            out.push(c);
        }
        in_text ^= c == '"' && !escaped;
        escaped = c == '\\' && !escaped;
    }
}
