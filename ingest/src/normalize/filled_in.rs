//! What was filled into a form, as [`Answer::values`](schemas::data::Answer) has it: texts by the names of the fields.

use std::collections::BTreeMap;

use schemas::data::Text;

use super::json::{Json, parse};

/// The fields of a form that comes as a text that is JSON itself. What is not a text is its JSON; what is `null` was not filled
/// in. Nothing borrows from the form: it is decoded and so is not part of the body.
pub(super) fn fields_of_text<'a>(form: &str) -> BTreeMap<Text<'a>, Text<'a>> {
    let Ok((_, json)) = parse(form.as_bytes()) else {
        return BTreeMap::new();
    };
    let field = |(name, value): (Text<'_>, Json<'_>)| {
        let said = match value.text() {
            Some(text) => text.into_owned(),
            None if value.raw() == "\"\"" => String::new(),
            None => value.raw().to_owned(),
        };
        value.is_there().then(|| (name.into_owned().into(), said.into()))
    };
    json.members().into_iter().filter_map(field).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_text_is_its_json_and_what_is_null_was_not_filled_in() {
        let form = r#"{"nota":"9","ok":true,"itens":["a","b"],"nome":"","n":4.50,"x":null,"a\u0062":"\u00e1"}"#;
        let expected = [
            ("ab", "\u{e1}"),
            ("itens", r#"["a","b"]"#),
            ("n", "4.50"),
            ("nome", ""),
            ("nota", "9"),
            ("ok", "true"),
        ];
        let found = fields_of_text(form);
        let found: Vec<_> = found.iter().map(|(name, value)| (&**name, &**value)).collect();
        assert_eq!(found, expected);
        for none in ["", "7", "[]", "{", "null"] {
            assert!(fields_of_text(none).is_empty(), "{none}");
        }
    }
}
