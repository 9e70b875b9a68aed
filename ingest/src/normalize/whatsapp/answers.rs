//! Answers: a button, a row of a list, a quick reply, a form.

use schemas::data::Answer;

use super::{Context, Said, Target};
use crate::normalize::filled_in::fields_of_text;
use crate::normalize::json::{Json, object};

object! {
    Button {
        id: Json = "selectedButtonId" | "selectedButtonID",
        title: Json = "selectedDisplayText",
        response: ButtonResponse = "Response",
        context: Context = "contextInfo",
    }

    ButtonResponse { title: Json = "SelectedDisplayText", }

    QuickReply {
        id: Json = "selectedId" | "selectedID",
        title: Json = "selectedDisplayText",
        context: Context = "contextInfo",
    }

    Row {
        title: Json = "title",
        description: Json = "description",
        reply: RowReply = "singleSelectReply",
        context: Context = "contextInfo",
    }

    RowReply { id: Json = "selectedRowId" | "selectedRowID", }

    Interactive {
        body: Body = "body",
        flow: Flow = "nativeFlowResponseMessage",
        response: InteractiveResponse = "InteractiveResponseMessage",
        context: Context = "contextInfo",
    }

    Body { text: Json = "text", }

    InteractiveResponse { flow: Flow = "NativeFlowResponseMessage", }

    Flow { name: Json = "name", values: Json = "paramsJson" | "paramsJSON", }

    /// An answer to a question in a status or a channel.
    ToQuestion { text: Json = "text", key: Target = "key", status: Target = "originalStatusId" | "originalStatusID", }
}

fn chosen<'a>(kind: &'static str, id: Json<'a>, title: Json<'a>, context: Context<'a>) -> Said<'a> {
    let (id, title) = (id.text(), title.text());
    Said {
        answer: Some(Answer {
            id: id.clone(),
            title: title.clone(),
            ..Answer::default()
        }),
        ..Said::new(kind, title.or(id), context)
    }
}

pub(super) fn button<'a>(kind: &'static str, value: Json<'a>) -> Said<'a> {
    let button: Button<'a> = value.read();
    let title = if button.title.is_there() {
        button.title
    } else {
        button.response.title
    };
    chosen(kind, button.id, title, button.context)
}

pub(super) fn quick_reply<'a>(kind: &'static str, value: Json<'a>) -> Said<'a> {
    let reply: QuickReply<'a> = value.read();
    chosen(kind, reply.id, reply.title, reply.context)
}

pub(super) fn row<'a>(kind: &'static str, value: Json<'a>) -> Said<'a> {
    let row: Row<'a> = value.read();
    let title = if row.title.text().is_some() {
        row.title
    } else {
        row.description
    };
    chosen(kind, row.reply.id, title, row.context)
}

/// A choice has an `id` among what the form says; a form has none.
pub(super) fn interactive<'a>(kind: &'static str, value: Json<'a>) -> Said<'a> {
    let interactive: Interactive<'a> = value.read();
    let flow = if interactive.flow.values.is_there() || interactive.flow.name.is_there() {
        interactive.flow
    } else {
        interactive.response.flow
    };
    let title = interactive.body.text.text();
    let mut values = fields_of_text(&flow.values.text().unwrap_or_default());
    let id = values.remove("id");
    let text = title.clone().or_else(|| id.clone()).or_else(|| flow.name.text());
    Said {
        answer: Some(Answer { id, title, values }),
        ..Said::new(kind, text, interactive.context)
    }
}

pub(super) fn to_question<'a>(kind: &'static str, value: Json<'a>) -> Said<'a> {
    let answer: ToQuestion<'a> = value.read();
    let of = if answer.key.id.is_there() {
        answer.key.id
    } else {
        answer.status.id
    };
    let context = Context {
        id: of,
        ..Context::default()
    };
    Said::new(kind, answer.text.text(), context)
}
