//! The text of messages that have none of their own: apps write it into blocks ("Block Kit") or into attachments, the older
//! form (docs.slack.dev, "Reference: blocks", "Reference: secondary message attachments").
//!
//! It is written out as Slack writes text: `<@U123>`, `<https://…|words>`, `:smile:`.

use schemas::data::Text;

use crate::normalize::json::{Json, object};

object! {
    Block {
        kind: Json = "type",
        // A text, or an object that has it.
        text: Json = "text",
        title: Json = "title",
        alt_text: Json = "alt_text",
        fields: Json = "fields",
        elements: Json = "elements",
        // Cards, tables and what holds other blocks.
        subtitle: Json = "subtitle",
        body: Json = "body",
        subtext: Json = "subtext",
        rows: Json = "rows",
        value: Json = "value",
        children: Json = "child_blocks",
        // What stands in rich text besides text.
        url: Json = "url",
        user_id: Json = "user_id",
        usergroup_id: Json = "usergroup_id",
        channel_id: Json = "channel_id",
        name: Json = "name",
        range: Json = "range",
        fallback: Json = "fallback",
    }

    Words { text: Json = "text", }

    Attached {
        text: Json = "text",
        blocks: Json = "blocks",
        fallback: Json = "fallback",
        pretext: Json = "pretext",
        title: Json = "title",
        fields: Json = "fields",
        // Of a message of Slack that was shared.
        message_blocks: Json = "message_blocks",
    }

    Shared { message: SharedMessage = "message", }

    SharedMessage { blocks: Json = "blocks", }

    Field { title: Json = "title", value: Json = "value", }
}

/// How deep rich text may be: a list in a block, its items, what they are made of.
const DEEPEST: usize = 6;

/// What Slack writes where an app gave blocks and no text for them.
const PLACEHOLDERS: [&str; 3] = [
    "This content can't be displayed.",
    "This message contains interactive elements.",
    "[no preview available]",
];

/// The message's own text; else what the blocks say, and after it what each attachment says, a line each.
pub(super) fn text<'a>(text: Json<'a>, blocks: Json<'a>, attachments: Json<'a>) -> Option<Text<'a>> {
    let own = text.text();
    match &own {
        Some(text) if !is_placeholder(text) => own,
        _ => written(blocks, attachments).or(own),
    }
}

fn is_placeholder(text: &str) -> bool {
    PLACEHOLDERS.contains(&text.trim())
}

fn written<'a>(blocks: Json<'a>, attachments: Json<'a>) -> Option<Text<'a>> {
    let mut out = String::new();
    lines(blocks, &mut out, 0);
    for attachment in attachments.elements() {
        attachment.read::<Attached<'a>>().text(&mut out);
    }
    (!out.is_empty()).then_some(Text::Owned(out))
}

impl Attached<'_> {
    /// Its text, else what its blocks say, else what stands for it.
    fn text(&self, out: &mut String) {
        let before = out.len();
        words(self.text, out);
        if out.len() == before {
            lines(self.blocks, out, 0);
        }
        if out.len() == before {
            for shared in self.message_blocks.elements() {
                lines(shared.read::<Shared<'_>>().message.blocks, out, 0);
            }
        }
        let mut others = [self.fallback, self.pretext, self.title]
            .into_iter()
            .filter_map(Json::text);
        if out.len() == before
            && let Some(text) = others.find(|text| !is_placeholder(text))
        {
            line(&text, out);
        }
        if out.len() == before {
            for field in self.fields.elements() {
                let field: Field<'_> = field.read();
                words(field.title, out);
                words(field.value, out);
            }
        }
    }
}

/// Each of them on a line of its own.
fn lines(blocks: Json<'_>, out: &mut String, depth: usize) {
    if depth > DEEPEST {
        return;
    }
    for block in blocks.elements() {
        let block: Block<'_> = block.read();
        match &*block.kind.text().unwrap_or_default() {
            "rich_text" | "rich_text_list" | "context" | "carousel" => lines(block.elements, out, depth + 1),
            "rich_text_section" | "rich_text_quote" | "rich_text_preformatted" => {
                let mut run = String::new();
                for element in block.elements.elements() {
                    element.read::<Block<'_>>().run(&mut run);
                }
                line(&run, out);
            }
            // Sections, headers, Markdown, and the texts of a context.
            "section" | "header" | "markdown" | "alert" | "mrkdwn" | "plain_text" => {
                words(block.text, out);
                for field in block.fields.elements() {
                    words(field, out);
                }
            }
            "image" | "video" => {
                let before = out.len();
                words(block.title, out);
                if out.len() == before {
                    words(block.alt_text, out);
                }
            }
            "card" | "container" => {
                for text in [block.title, block.subtitle, block.body, block.subtext] {
                    words(text, out);
                }
                lines(block.children, out, depth + 1);
            }
            "table" | "data_table" => {
                for row in block.rows.elements() {
                    let cells: Vec<String> = row
                        .elements()
                        .map(|cell| cell.read::<Block<'_>>().cell(depth))
                        .collect();
                    line(&cells.join(" | "), out);
                }
            }
            // Buttons and fields to fill in are no text; what is new is not guessed.
            _ => {}
        }
    }
}

impl Block<'_> {
    /// Of a table: a text, a number or rich text.
    fn cell(&self, depth: usize) -> String {
        let mut out = String::new();
        lines(self.elements, &mut out, depth + 1);
        for plain in [self.text, self.value] {
            if out.is_empty() {
                words(plain, &mut out);
            }
        }
        out.replace('\n', " ")
    }

    /// A piece of a line of rich text.
    fn run(&self, out: &mut String) {
        match self.kind.text().as_deref() {
            Some("link") => match (self.url.text(), self.text.text()) {
                (Some(url), Some(words)) => out.extend(["<", &url, "|", &words, ">"]),
                _ => marked("<", self.url, ">", out),
            },
            Some("user") => marked("<@", self.user_id, ">", out),
            Some("usergroup") => marked("<!subteam^", self.usergroup_id, ">", out),
            Some("channel") => marked("<#", self.channel_id, ">", out),
            Some("broadcast") => marked("<!", self.range, ">", out),
            Some("emoji") => marked(":", self.name, ":", out),
            Some("date") => marked("", self.fallback, "", out),
            _ => marked("", self.text, "", out),
        }
    }
}

fn marked(before: &str, value: Json<'_>, after: &str, out: &mut String) {
    if let Some(value) = value.text() {
        out.extend([before, &value, after]);
    }
}

/// A text, or the text of an object.
fn words(json: Json<'_>, out: &mut String) {
    let text = if json.is_object() {
        json.read::<Words<'_>>().text
    } else {
        json
    };
    if let Some(text) = text.text() {
        line(&text, out);
    }
}

fn line(text: &str, out: &mut String) {
    let text = text.trim_matches('\n');
    // Apps put in blanks for the space.
    if text.trim().is_empty() {
        return;
    }
    if !out.is_empty() {
        out.push('\n');
    }
    out.push_str(text);
}
