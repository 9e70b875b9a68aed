//! The pages under `schemas/pages/`: one for each event type, for the envelope, for types that senders name themselves, for
//! dead letters; and which platform sends what.

mod fields;
mod identity;
mod senders;
mod snippets;
mod state;
mod tables;
mod views;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use schemas::data::{DataType, TYPES, is_defined};
use schemas::json_schema;
use serde_json::Value;

use crate::{all_examples, check_generated, records};
use fields::{Field, Kind};
use senders::Senders;

pub(crate) use senders::golden_files;

const GENERATED: &str = "<!-- Generated: `UPDATE_SCHEMAS=1 cargo test -p schemas --test contracts` -->\n\n";

fn pages() -> BTreeMap<String, String> {
    let senders = senders::found();
    let mut pages: BTreeMap<String, String> = TYPES
        .iter()
        .map(|t| (format!("{}.md", t.name), type_page(t, &senders)))
        .collect();
    pages.insert("README.md".to_owned(), index(&senders));
    pages.insert("envelope.md".to_owned(), envelope());
    pages.insert("own-types.md".to_owned(), own_types(&senders));
    pages.insert("dead-letters.md".to_owned(), dead_letters());
    pages.insert("platforms.md".to_owned(), platforms(&senders));
    pages.insert("identity.md".to_owned(), identity::page());
    pages.insert("tables.md".to_owned(), tables::page());
    pages.insert("state.md".to_owned(), state::page());
    // Written by hand, but for the answers, which `tests/it/questions.rs` compares with those of both databases.
    let questions = std::fs::read_to_string(crate::below("pages/questions.md")).expect("a readable page");
    pages.insert("questions.md".to_owned(), questions);
    pages
}

/// The fullest example of a type.
fn example(name: &str) -> Value {
    let mut examples = all_examples();
    let full = examples.remove(&format!("{name}.full.json"));
    full.or_else(|| examples.remove(&format!("{name}.json")))
        .unwrap_or_else(|| panic!("`{name}` has no example"))
}

/// The day of an event's id: what a query by id must ask for.
fn day(event: &Value) -> String {
    let id: schemas::id::EventId = event["id"].as_str().and_then(|id| id.parse().ok()).expect("an id");
    id.time().to_string()[..10].to_owned()
}

fn table(fields: &[Field]) -> String {
    let mut out = "| field | type | required | meaning |\n|---|---|---|---|\n".to_owned();
    for field in fields {
        let required = if field.required { "yes" } else { "" };
        let meaning = field.meaning.replace('|', "\\|");
        writeln!(
            out,
            "| `{}` | {} | {required} | {meaning} |",
            field.name(),
            field.kind.words()
        )
        .expect("text");
    }
    out
}

fn block(language: &str, text: &str) -> String {
    format!("```{language}\n{text}\n```\n")
}

fn type_page(data_type: &DataType, senders: &Senders) -> String {
    let name = data_type.name;
    let schema = json_schema::of(data_type);
    let data = &schema["properties"]["data"];
    let mut own: Vec<Field> = fields::of(data, &schema)
        .into_iter()
        .filter(|f| f.path[0] == data_type.member)
        .collect();
    // The member as a whole says what the event says.
    data_type.meaning.clone_into(&mut own[0].meaning);
    let example = example(name);
    let required: Vec<String> = own
        .iter()
        .filter(|f| f.path.len() == 2 && f.required && !matches!(f.kind, Kind::Object | Kind::List))
        .map(|f| f.path[1].clone())
        .collect();
    let file = format!("{name}.v{}.json", data_type.version);
    let mut out = format!(
        "{GENERATED}# {name}\n\n{}\n\nVersion {}, `dataschema` `urn:forebay:schema:{name}:{}`, JSON Schema [{file}](../json/{file}). \
         What all events share is in [envelope.md](envelope.md).\n\n## Fields\n\nUnder `data`; `required` means: present whenever the object around it is.\n\n",
        data_type.meaning, data_type.version, data_type.version
    );
    out.push_str(&table(&own));
    out.push_str(
        "\nThe platform's own JSON is under `data.raw`, byte for byte (`data.raw_base64` where it is not JSON).\n",
    );
    out.push('\n');
    out.push_str(&views::section(data_type, &own));
    out.push_str("\n## Sent by\n\n");
    out.push_str(&sent_by(name, senders));
    write!(out, "\n## Example\n\n{}", block("json", &format!("{example:#}"))).expect("text");
    write!(
        out,
        "\n## SQL\n\n{}",
        block("sql", &snippets::sql(name, &own, &day(&example)))
    )
    .expect("text");
    write!(
        out,
        "\n## Consumer\n\n{}",
        block("python", &snippets::python(name, Some(data_type.member), &required))
    )
    .expect("text");
    out
}

fn sent_by(name: &str, senders: &Senders) -> String {
    let mut rows = String::new();
    for (platform, types) in senders {
        if let Some(evidence) = types.get(name) {
            let (samples, vectors) = evidence.words(platform);
            writeln!(rows, "| {platform} | {samples} | {vectors} |").expect("text");
        }
    }
    if name.starts_with("endpoint.") {
        "Forebay itself, to the topic `forebay.operations`. The raw part is an empty object.\n".to_owned()
    } else if rows.is_empty() {
        "No sample or vector of any platform shows it yet.\n".to_owned()
    } else {
        format!("| platform | its events, by sample | by vector |\n|---|---|---|\n{rows}")
    }
}

fn index(senders: &Senders) -> String {
    let mut out = format!(
        "{GENERATED}# Events\n\n\
         The topic `forebay.events` has one event per record, and `forebay.operations` those about Forebay itself (`endpoint.*`): [CloudEvents](https://cloudevents.io) 1.0, structured JSON, key = `partitionkey`. \
         The table `event` has one row per event; what a repeat said differently from the stored event is in `event_variant`. The topics as AsyncAPI 3.0: [asyncapi.json](../asyncapi.json); JSON Schemas: [json](../json); \
         what may change, and how: [compat/README.md](../compat/README.md).\n\n\
         - [envelope.md](envelope.md): what every event has, and the headers of its record\n\
         - [platforms.md](platforms.md): which platform's event becomes which type\n\
         - [identity.md](identity.md): which members make an event's id, on every platform\n\
         - [questions.md](questions.md): what an analyst asks, each as one statement with its answer\n\
         - [state.md](state.md): how tickets, messages, contacts, groups and lines stand now\n\
         - [tables.md](tables.md): the tables of events and the views over them\n\
         - [own-types.md](own-types.md): types that senders name themselves\n\
         - [dead-letters.md](dead-letters.md): deliveries given up\n\n\
         | type | meaning | platforms |\n|---|---|---|\n"
    );
    for data_type in TYPES {
        let name = data_type.name;
        let platforms: Vec<&str> = senders
            .iter()
            .filter(|(_, types)| types.contains_key(name))
            .map(|(platform, _)| platform.as_str())
            .chain(name.starts_with("endpoint.").then_some("forebay"))
            .collect();
        writeln!(
            out,
            "| [{name}]({name}.md) | {} | {} |",
            data_type.meaning,
            platforms.join(", ")
        )
        .expect("text");
    }
    out
}

fn contract(name: &str) -> Value {
    json_schema::all()
        .into_iter()
        .find(|c| c.name == name)
        .unwrap_or_else(|| panic!("`{name}` is no contract"))
        .schema
}

fn envelope() -> String {
    let (envelope, headers) = (contract("envelope"), contract("event.headers"));
    format!(
        "{GENERATED}# The envelope\n\n{}\n\nJSON Schema: [envelope.v1.json](../json/envelope.v1.json). Readers ignore members that they do not know.\n\n{}\n\
         Where `idtime` is `received`, a redelivery has another id, which differs in its first 48 bits alone. The tables hold such repeats within ten minutes \
         (`receipt_window_seconds`) as one row; endpoints and readers of the topic see both.\n\n\
         The value of a record may have line breaks, because the platform's own JSON is kept byte for byte: read records with a client, not by lines. \
         `forebay tail --output json` prints one line for each; with kcat, put a separator of your own between the records (`-f '%s\\x1e'`) or parse them with `jq -c .`.\n\n\
         ## Headers of the record\n\n{} All are text in UTF-8. JSON Schema: [event.headers.v1.json](../json/event.headers.v1.json).\n\n{}",
        envelope["description"].as_str().expect("a description"),
        table(&fields::of(&envelope, &envelope)),
        headers["description"].as_str().expect("a description"),
        table(&fields::of(&headers, &headers)),
    )
}

fn own_types(senders: &Senders) -> String {
    let record = records::own_type();
    let event = records::value(&record);
    let name = event["type"].as_str().expect("a type");
    let mut rows = String::new();
    for (platform, types) in senders {
        for (own, evidence) in types.iter().filter(|(name, _)| !is_defined(name)) {
            let (samples, vectors) = evidence.words(platform);
            writeln!(rows, "| {platform} | `{own}` | {samples} | {vectors} |").expect("text");
        }
    }
    format!(
        "{GENERATED}# Types that senders name themselves\n\n\
         A sender whose vocabulary is its own (GitHub, Stripe, any sender of Standard Webhooks or CloudEvents) keeps it: the type is its name, with the platform's in front \
         where the name alone would be ambiguous. Nothing is normalized: the content is under `data.raw`, and `data.headers` has those of the sender's headers that are a part of \
         the event. There is no `dataschema`; the [envelope](envelope.md) is that of all events.\n\n\
         ## Seen\n\n| platform | type | by sample | by vector |\n|---|---|---|---|\n{rows}\n\
         ## Example\n\n{}\n## SQL\n\n{}\n## Consumer\n\n{}",
        block("json", &format!("{event:#}")),
        block("sql", &snippets::sql_of_own_type(name, &day(&event))),
        block("python", &snippets::python(name, None, &[])),
    )
}

fn dead_letters() -> String {
    let headers = contract("dead_letter.headers");
    let example = records::headers(&records::dead_letter());
    format!(
        "{GENERATED}# Dead letters\n\n\
         A delivery that was given up is a record in the topic `forebay.dead-letters`: key, headers and value of the original record, byte for byte, and further headers. \
         An event that several sinks gave up has one record for each.\n\n\
         {} JSON Schema: [dead_letter.headers.v1.json](../json/dead_letter.headers.v1.json).\n\n{}\n## Example\n\nThe headers of one:\n\n{}",
        headers["description"].as_str().expect("a description"),
        table(&fields::of(&headers, &headers)),
        block("json", &format!("{example:#}")),
    )
}

/// Platform by type: first the whole, then each platform with what shows it.
fn platforms(senders: &Senders) -> String {
    let mut out = format!(
        "{GENERATED}# Platforms and events\n\n\
         From the golden files of ingest's adapters (one for each sample body, named for the platform's event) and from the vectors ([vectors](../vectors)). \
         A number counts the samples and vectors that show it; nothing means that none does.\n\n"
    );
    let names: Vec<&str> = senders.keys().map(String::as_str).collect();
    writeln!(out, "| type | {} |", names.join(" | ")).expect("text");
    writeln!(out, "|---|{}", "---|".repeat(names.len())).expect("text");
    let mut row = |title: &str, matches: &dyn Fn(&str) -> bool| {
        let cells: Vec<String> = senders
            .values()
            .map(|types| {
                let evidence = types
                    .iter()
                    .filter(|(name, _)| matches(name))
                    .map(|(_, evidence)| evidence);
                match evidence.map(|e| e.samples.len() + e.vectors.len()).sum::<usize>() {
                    0 => String::new(),
                    count => count.to_string(),
                }
            })
            .collect();
        writeln!(out, "| {title} | {} |", cells.join(" | ")).expect("text");
    };
    for data_type in TYPES {
        row(&format!("[{0}]({0}.md)", data_type.name), &|name| {
            name == data_type.name
        });
    }
    row("[own types](own-types.md)", &|name| !is_defined(name));
    for (platform, types) in senders {
        write!(
            out,
            "\n## {platform}\n\n| type | its events, by sample | by vector |\n|---|---|---|\n"
        )
        .expect("text");
        for (name, evidence) in types {
            let title = if is_defined(name) {
                format!("[{name}]({name}.md)")
            } else {
                format!("`{name}`")
            };
            let (samples, vectors) = evidence.words(platform);
            writeln!(out, "| {title} | {samples} | {vectors} |").expect("text");
        }
    }
    out
}

#[test]
fn the_committed_pages_are_as_generated() {
    check_generated("pages", ".md", &pages());
}

#[test]
fn every_link_between_the_pages_leads_somewhere() {
    let pages = pages();
    let mut links = BTreeSet::new();
    for text in pages.values() {
        links.extend(
            text.split("](")
                .skip(1)
                .filter_map(|rest| rest.split(')').next())
                .filter(|l| !l.contains("://")),
        );
    }
    assert!(links.len() > TYPES.len(), "{links:?}");
    let schemas: BTreeSet<String> = json_schema::all()
        .iter()
        .map(|c| format!("../json/{}", c.file()))
        .collect();
    for link in links {
        let generated = pages.contains_key(link) || schemas.contains(link);
        assert!(
            generated || crate::below("pages").join(link).exists(),
            "{link} leads nowhere"
        );
    }
}

#[test]
fn a_page_shows_every_member_of_its_type_with_its_meaning() {
    for data_type in TYPES {
        let schema = json_schema::of(data_type);
        for field in fields::of(&schema["properties"]["data"], &schema) {
            assert!(
                !field.meaning.is_empty(),
                "{}: `{}` has no meaning",
                data_type.name,
                field.name()
            );
        }
    }
    let page = &pages()["message.created.md"];
    for row in [
        "| `message.id` | text | yes | The platform's id of the message. |",
        "| `message.attachments[].size_bytes` | whole number |  | Size in bytes. |",
        "| `message.direction` | text | yes | From the customer to us, or from us to the customer. `inbound`: From the customer.",
        "| `message.from` | object |  | Who wrote it. |",
        "| `message.from.id` | text |  | The platform's id of them; absent where",
        "(../../ingest/tests/golden/digisac/message.created.json)",
    ] {
        assert!(page.contains(row), "the page lacks {row}");
    }
}
