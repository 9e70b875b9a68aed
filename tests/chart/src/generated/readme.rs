//! The README of the chart: a head that is written by hand, and a table for each section of `values.yaml`, out of its comments.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::helm::chart;
use crate::snapshots::compare;
use crate::yaml;

/// A documented key, with all keys above it.
#[derive(Debug, PartialEq)]
struct Documented {
    path: Vec<String>,
    text: String,
}

/// Reads the comments that begin with `# -- `; those lines and the ones that follow describe the next key, as helm-docs has it.
fn comments(values: &str) -> Vec<Documented> {
    let mut found = Vec::new();
    // The keys above, with how far each is indented.
    let mut above: Vec<(usize, String)> = Vec::new();
    let mut text: Option<String> = None;
    for line in values.lines() {
        let content = line.trim_start();
        let indent = line.len() - content.len();
        if let Some(comment) = content.strip_prefix('#') {
            if let Some(first) = comment.strip_prefix(" -- ") {
                text = Some(first.trim().to_owned());
            } else if let Some(text) = &mut text {
                text.push(' ');
                text.push_str(comment.trim());
            }
            continue;
        }
        let name = |letter: char| letter.is_ascii_alphanumeric() || "_-./".contains(letter);
        let key = content
            .split(':')
            .next()
            .filter(|key| !key.is_empty() && key.chars().all(name));
        let (Some(key), true) = (key, content.contains(':')) else {
            if content.is_empty() {
                assert_eq!(text, None, "a comment that describes nothing");
            }
            continue;
        };
        if content.starts_with("- ") {
            continue;
        }
        above.retain(|(column, _)| *column < indent);
        above.push((indent, key.to_owned()));
        if let Some(text) = text.take() {
            let path = above.iter().map(|(_, key)| key.clone()).collect();
            found.push(Documented { path, text });
        }
    }
    found
}

/// The value at a path.
fn at<'v>(values: &'v Value, path: &[String]) -> &'v Value {
    path.iter().fold(values, |value, key| &value[key])
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "any",
        Value::Bool(_) => "bool",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "list",
        Value::Object(_) => "object",
    }
}

/// The default as it stands in a table; long ones stand in values.yaml.
fn default(value: &Value) -> String {
    let text = value.to_string();
    if text.len() > 120 {
        return "see values.yaml".to_owned();
    }
    format!("`{}`", text.replace('|', "\\|"))
}

/// The tables, one for each key at the left margin that has keys below it.
fn tables(values: &str) -> String {
    let parsed = yaml::document(values).expect("values.yaml is YAML");
    let mut sections: Vec<(String, Vec<Documented>)> = vec![("General".to_owned(), Vec::new())];
    let mut intro: BTreeMap<String, String> = BTreeMap::new();
    for one in comments(values) {
        let top = one.path[0].clone();
        let is_section = parsed[&top].as_object().is_some_and(|map| !map.is_empty());
        if !is_section {
            sections[0].1.push(one);
            continue;
        }
        if sections.last().is_none_or(|(name, _)| *name != top) {
            sections.push((top.clone(), Vec::new()));
        }
        if one.path.len() == 1 {
            intro.insert(top, one.text);
        } else {
            sections.last_mut().expect("just pushed").1.push(one);
        }
    }
    let mut text = String::new();
    for (name, keys) in sections {
        let title = if name == "General" {
            name.clone()
        } else {
            format!("`{name}`")
        };
        text.extend(["\n### ", &title, "\n\n"]);
        if let Some(intro) = intro.get(&name) {
            text.extend([intro.as_str(), "\n\n"]);
        }
        if keys.is_empty() {
            text.extend(["Default: ", &default(&parsed[&name]), "\n"]);
            continue;
        }
        text.push_str("| key | type | default | description |\n|---|---|---|---|\n");
        for key in keys {
            let value = at(&parsed, &key.path);
            let (path, said) = (key.path.join("."), key.text.replace('|', "\\|"));
            text.extend([
                "| `",
                &path,
                "` | ",
                kind(value),
                " | ",
                &default(value),
                " | ",
                &said,
                " |\n",
            ]);
        }
    }
    text
}

#[test]
fn the_readme_says_what_values_say() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let head = fs::read_to_string(here.join("README.head")).expect("the head");
    let values = fs::read_to_string(chart().join("values.yaml")).expect("values.yaml");
    compare(
        &chart().join("README.md"),
        &format!("{}\n{}", head.trim_end(), tables(&values)),
    );
}

/// Adds to `missing` the keys that neither they themselves nor a key above them describes.
fn undocumented(value: &Value, path: &mut Vec<String>, documented: &[Documented], missing: &mut Vec<String>) {
    // A whole section described in one line says nothing of its keys.
    if path.len() > 1 && documented.iter().any(|one| one.path == *path) {
        return;
    }
    match value {
        Value::Object(map) if !map.is_empty() => {
            for (key, value) in map {
                path.push(key.clone());
                undocumented(value, path, documented, missing);
                path.pop();
            }
        }
        _ if documented.iter().any(|one| one.path == *path) => {}
        _ => missing.push(path.join(".")),
    }
}

#[test]
fn every_value_is_described() {
    let values = fs::read_to_string(chart().join("values.yaml")).expect("values.yaml");
    let mut missing = Vec::new();
    undocumented(
        &yaml::document(&values).expect("YAML"),
        &mut Vec::new(),
        &comments(&values),
        &mut missing,
    );
    // The configuration is described by forebay.example.yaml.
    missing.retain(|path| !path.starts_with("config."));
    assert_eq!(missing, Vec::<String>::new());
}

#[test]
fn comments_belong_to_the_key_below_them() {
    let values = "# not one\n# -- A.\n# More.\na: 1\nb:\n  # -- C | c.\n  c: [x]\n  d:\n    # -- E.\n    e: {}\nf: 2\n";
    let of = |path: &[&str], text: &str| Documented {
        path: path.iter().map(|&key| key.to_owned()).collect(),
        text: text.to_owned(),
    };
    let all = [
        of(&["a"], "A. More."),
        of(&["b", "c"], "C | c."),
        of(&["b", "d", "e"], "E."),
    ];
    assert_eq!(comments(values), all);
    let mut missing = Vec::new();
    undocumented(
        &yaml::document(values).expect("YAML"),
        &mut Vec::new(),
        &all,
        &mut missing,
    );
    assert_eq!(missing, ["f"]);
    assert!(
        tables(values).contains("| `b.c` | list | `[\"x\"]` | C \\| c. |"),
        "{}",
        tables(values)
    );
}
