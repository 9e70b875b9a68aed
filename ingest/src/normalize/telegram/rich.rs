//! Rich messages (core.telegram.org/bots/api, "RichMessage"): what their blocks say, the files in them, and who is mentioned.
//!
//! A block has a line of its own; an item of a list has its label in front, and tabs part the cells of a table. Buttons that stand
//! apart are no part of what is said.

use schemas::data::{Attachment, Text};

use super::content::{Id, attachment};
use crate::normalize::json::{Json, object};

object! {
    Message { blocks: Json = "blocks", }

    /// The members of all kinds of block.
    Block {
        text: Json = "text",
        expression: Json = "expression",
        summary: Json = "summary",
        blocks: Json = "blocks",
        items: Json = "items",
        cells: Json = "cells",
        photo: Json = "photo",
        video: Json = "video",
        animation: Json = "animation",
        audio: Json = "audio",
        voice: Json = "voice_note",
        document: Json = "document",
        buttons: Json = "buttons",
        caption: Json = "caption",
        credit: Json = "credit",
    }

    Item { label: Json = "label", blocks: Json = "blocks", }

    /// The members of all kinds of text that are no string and no list, of a cell and of a caption.
    Inline {
        text: Json = "text",
        emoji: Json = "alternative_text",
        expression: Json = "expression",
        credit: Json = "credit",
        user: Id = "user",
        name: Json = "username",
        button: Json = "button",
    }

    Button { text: Json = "text", data: Json = "callback_data", }
}

/// How deep blocks stand in blocks, and texts in texts, that are read. Each level is read once more for each level above it.
const MAX_DEPTH: usize = 16;

/// What a rich message is made of.
#[derive(Default)]
pub(super) struct Rich<'a> {
    words: String,
    /// Whether what comes next belongs to the line that was begun.
    goes_on: bool,
    pub(super) attachments: Vec<Attachment<'a>>,
    pub(super) mentions: Vec<Text<'a>>,
    buttons: Vec<Button<'a>>,
}

impl<'a> Rich<'a> {
    pub(super) fn of(message: Json<'a>) -> Self {
        let mut rich = Self::default();
        rich.blocks(message.read::<Message<'a>>().blocks, 0);
        rich
    }

    pub(super) fn text(&self) -> Option<Text<'a>> {
        let words = self.words.trim_matches('\n');
        (!words.is_empty()).then(|| words.to_owned().into())
    }

    /// The words on the button that brings this data.
    pub(super) fn label_of(&self, data: &str) -> Option<Text<'a>> {
        let mut buttons = self.buttons.iter();
        let button = buttons.find(|button| button.data.text().is_some_and(|brings| brings == data))?;
        let mut label = Self::default();
        label.inline(button.text, 0);
        label.text()
    }

    fn blocks(&mut self, blocks: Json<'a>, depth: usize) {
        if depth < MAX_DEPTH {
            for block in blocks.elements() {
                self.block(&block.read(), depth);
            }
        }
    }

    fn block(&mut self, block: &Block<'a>, depth: usize) {
        for text in [block.text, block.expression, block.summary] {
            self.line(text);
        }
        self.blocks(block.blocks, depth + 1);
        for item in block.items.elements() {
            let item: Item<'a> = item.read();
            self.begin();
            if let Some(label) = item.label.text() {
                self.words.push_str(&label);
                self.words.push(' ');
            }
            self.goes_on = true;
            self.blocks(item.blocks, depth + 1);
            self.goes_on = false;
        }
        for row in block.cells.elements() {
            self.begin();
            for (number, cell) in row.elements().enumerate() {
                if number > 0 {
                    self.words.push('\t');
                }
                self.inline(cell, 0);
            }
        }
        let files = [
            ("image", block.photo),
            ("video", block.video),
            ("video", block.animation),
            ("audio", block.audio),
            ("audio", block.voice),
            ("document", block.document),
        ];
        self.attachments
            .extend(files.into_iter().filter_map(|(kind, file)| attachment(kind, file)));
        self.buttons
            .extend(block.buttons.elements().map(Json::read::<Button<'a>>));
        for text in [block.caption, block.credit] {
            self.line(text);
        }
    }

    fn line(&mut self, text: Json<'a>) {
        if text.is_there() {
            self.begin();
            self.inline(text, 0);
        }
    }

    fn begin(&mut self) {
        if !self.goes_on && !self.words.is_empty() {
            self.words.push('\n');
        }
        self.goes_on = false;
    }

    /// A text, a list of texts, or one with a form.
    fn inline(&mut self, text: Json<'a>, depth: usize) {
        if depth == MAX_DEPTH {
            return;
        }
        if let Some(text) = text.text() {
            self.words.push_str(&text);
        } else if text.is_object() {
            let inline: Inline<'a> = text.read();
            self.mentions.extend(inline.user.id.text());
            self.mentions.extend(
                inline
                    .name
                    .text()
                    .map(|name| format!("@{}", name.trim_start_matches('@')).into()),
            );
            if inline.button.is_there() {
                self.buttons.push(inline.button.read());
                self.inline(inline.button, depth + 1);
            }
            for text in [inline.text, inline.emoji, inline.expression] {
                self.inline(text, depth + 1);
            }
            if inline.credit.is_there() {
                self.begin();
                self.inline(inline.credit, depth + 1);
            }
        } else {
            for text in text.elements() {
                self.inline(text, depth + 1);
            }
        }
    }
}
