//! What a customer chose of what one of our messages offered.
//!
//! The website's widget (or the page of a survey) writes the choice into the message that made the offer, so it comes with a
//! `message_updated` of ours, and nothing comes in from the customer.

use std::collections::BTreeMap;

use schemas::data::{Answer, Text};

use crate::normalize::json::{Json, object};

object! {
    Submitted { survey: Survey = "csat_survey_response", }

    Survey { rating: Json = "rating", feedback: Json = "feedback_message", }

    Choice { name: Json = "name", title: Json = "title", value: Json = "value", }
}

/// Of `submitted_values` and `submitted_email`.
pub(super) fn answer<'a>(values: Json<'a>, email: Json<'a>) -> Option<Answer<'a>> {
    let survey = values.read::<Submitted<'a>>().survey;
    let known = [
        ("email", email),
        ("rating", survey.rating),
        ("feedback_message", survey.feedback),
    ];
    let known: BTreeMap<_, _> = known
        .into_iter()
        .filter_map(|(name, value)| Some((Text::Borrowed(name), value.text()?)))
        .collect();
    if !known.is_empty() {
        return Some(Answer {
            values: known,
            ..Answer::default()
        });
    }
    let mut choices = values.elements().map(Json::read::<Choice<'a>>).peekable();
    let first = choices.peek()?;
    // The fields of a form have names, the items of a selection have not.
    if !first.name.is_there() {
        let (id, title) = (first.value.text(), first.title.text());
        return (id.is_some() || title.is_some()).then(|| Answer {
            id,
            title,
            ..Answer::default()
        });
    }
    let values = choices.filter_map(|field| Some((field.name.text()?, filled_in(field.value))));
    Some(Answer {
        values: values.collect(),
        ..Answer::default()
    })
}

fn filled_in(value: Json<'_>) -> Text<'_> {
    let plain = value.raw().starts_with('"') || !value.is_there();
    value
        .text()
        .unwrap_or_else(|| if plain { "".into() } else { value.raw().into() })
}
