//! The page of identities: which members make an event's id, on every platform. The tables are `schemas/identity`; the adapters
//! are held to them by a test of `ingest`.

use std::fmt::Write as _;
use std::fs;

use schemas::platform::Platform;
use serde_json::Value;

use super::GENERATED;
use crate::below;

pub(super) fn page() -> String {
    let mut out = format!(
        "{GENERATED}# Identity\n\n\
         The `id` of an event is a function of what happened: its tenant and source, the members named here, and the time, where the platform gives one. \
         The state that a body shows besides is not a part of it, so a webhook that the platform sends again, or builds later, is the same event. \
         A test changes every member of every sample: what is named gives another id, everything else the same.\n\n\
         `[]` is any element of a list, `*` one member of any name, `**` all members below; `header:` and `form:` name headers and fields of a form. \
         Where no time is named, the id has the time of the first receipt (`idtime` is `received`).\n"
    );
    for platform in Platform::ALL {
        let table = table(platform);
        let text = |value: &Value, name: &str| value[name].as_str().expect("text").replace('|', "\\|");
        write!(
            out,
            "\n## {platform}\n\n{}\n\n| event | identity | time | two happenings differ | every delivery agrees |\n|---|---|---|---|---|\n",
            text(&table, "about")
        )
        .expect("text");
        for entry in table["events"].as_array().expect("a list") {
            writeln!(
                out,
                "| {} | {} | {} | {} | {} |",
                text(entry, "event"),
                members(&entry["identity"]),
                members(&entry["time"]),
                text(entry, "different"),
                text(entry, "repeats")
            )
            .expect("text");
        }
    }
    out.push_str(
        "\n## forebay\n\n\
         Events about Forebay's own parts, whose source is `/<tenant>/forebay`: they come from no webhook.\n\n\
         | event | identity | time | two happenings differ | every delivery agrees |\n|---|---|---|---|---|\n\
         | endpoint.failing, endpoint.recovered, endpoint.disabled | `type`, `data.endpoint.sink`, `data.endpoint.id`, \
         `data.endpoint.version` | `time` | Every change of an endpoint's condition raises the version. | Whoever finds the same \
         change finds its version and its time. |\n",
    );
    out
}

fn table(platform: Platform) -> Value {
    let file = below("identity").join(format!("{platform}.json"));
    let text = fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

fn members(list: &Value) -> String {
    let names = list.as_array().into_iter().flatten().filter_map(Value::as_str);
    names.map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}
