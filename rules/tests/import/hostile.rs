//! What is lost, hostile, too long, too deep or of the wrong type.

use rules::Rules;
use rules::import::{Dialect, import};
use serde_json::{Value, json};

use crate::support::BOTH;

use super::{condition, imported, loaded, rule, sample, webhook};

#[test]
fn what_is_lost_narrows_a_rule_and_never_widens_it() {
    let joined = |operator: &str| {
        let mut first = condition("status", "equal_to", &json!(["open"]));
        first["query_operator"] = json!(operator);
        let lost = condition("campaign_id", "equal_to", &json!([1]));
        imported(Dialect::Chatwoot, &rule(&json!([first, lost])))
    };
    let event = webhook(&sample("chatwoot/message_created.incoming"));
    let or = joined("OR");
    assert_eq!(loaded(&or).matching(&event).len(), 1, "the other branch");
    assert!(
        or.remarks[0].contains("carried over in part as `vip`"),
        "{:?}",
        or.remarks
    );
    let and = joined("AND");
    assert_eq!(loaded(&and).iter().count(), 0);
    assert!(and.yaml.contains("  # - name: vip\n"), "{}", and.yaml);
    let remark = "  not carried over: condition 2 (campaign_id equal_to): it is not in the webhook".to_owned();
    assert!(
        and.remarks.contains(&remark) && or.remarks.contains(&remark),
        "{:?}",
        and.remarks
    );
    // A person may remove the comment marks; what remains is a valid rule.
    let uncommented = and.yaml.replace("  # - name", "  - name").replace("  #   ", "    ");
    let uncommented = uncommented.replace("rules: []", "rules:");
    let rules = Rules::parse(&uncommented, "rules.yaml", &BOTH).expect(&uncommented);
    assert_eq!(rules.iter().count(), 1);
}

#[test]
fn negations_and_empty_lists_of_workflows_are_read_narrowly() {
    let test = json!({"fact": "conversation.category", "operator": "match", "value": "Car"});
    for (conditions, rules) in [
        (json!({"not": test}), 0),
        (json!({"any": [{"not": test}, test]}), 1),
        (json!({"any": [], "all": []}), 0),
        (json!({"all": [{"any": []}]}), 0),
        (json!({}), 0),
        (json!({"condition": "shared"}), 0),
        (json!([test]), 0),
        (json!(null), 0),
    ] {
        let imported = imported(Dialect::Web1on1, &json!({"conditions": conditions}));
        assert!(!imported.complete(), "{conditions}");
        let left = loaded(&imported).iter().count();
        assert_eq!(left, rules, "{conditions}\n{}", imported.yaml);
    }
}

#[test]
fn what_is_switched_off_is_a_comment_and_no_loss() {
    let mut off = rule(&json!([]));
    off["active"] = json!(false);
    let imported = imported(Dialect::Chatwoot, &json!({"payload": [off]}));
    assert!(
        imported.complete() && loaded(&imported).iter().next().is_none(),
        "{}",
        imported.yaml
    );
    assert!(imported.remarks[0].contains("switched off"), "{:?}", imported.remarks);
}

#[test]
fn hostile_texts_stay_texts() {
    for text in [
        "\"",
        "'",
        "\\",
        "\\\\\"",
        "\n  - name: x\n    to: [http]",
        "\r\n",
        "\t",
        "\u{0}\u{1b}[31m",
        "\u{85}\u{2028}\u{2029}\u{feff}\u{202e}",
        "# comment",
        ": [a, b]",
        "{{ x }}",
        "${HOME}",
        "%YAML 1.2\n---\n",
        "&a *a !!str |-",
        "日本 😀 \u{10ffff}",
        "\") || true || (\"",
        "*/ // x",
        "`backticks`",
        "",
        " leading",
        "- ",
        "? ",
        "@",
        "\u{fffe}",
    ] {
        let mut rule = rule(&json!([condition("name", "equal_to", &json!([text]))]));
        rule["name"] = json!(text);
        rule["description"] = json!(format!("{text}\n{text}"));
        rule["actions"] = json!([{"action_name": text, "action_params": [text]}]);
        let imported = imported(Dialect::Chatwoot, &json!([rule]));
        let rules = loaded(&imported);
        assert_eq!(rules.iter().count(), 1, "{text:?}\n{}", imported.yaml);
        let remarks = &imported.remarks;
        assert!(
            remarks.iter().all(|remark| !remark.contains(char::is_control)),
            "{remarks:?}"
        );
        let mut raw = sample("chatwoot/message_created.incoming");
        assert_eq!(rules.matching(&webhook(&raw)).len(), 0, "{text:?}\n{}", imported.yaml);
        raw["conversation"]["meta"]["sender"]["name"] = json!(text);
        assert_eq!(rules.matching(&webhook(&raw)).len(), 1, "{text:?}\n{}", imported.yaml);
        // As a pattern, too.
        let pattern = text.replace('\\', "\\\\");
        rule["conditions"] = json!([condition("content", "contains", &json!([pattern]))]);
        raw["content"] = json!(format!("x{text}x"));
        let found = loaded(&super::imported(Dialect::Chatwoot, &rule));
        assert_eq!(found.matching(&webhook(&raw)).len(), 1, "{text:?}");
    }
}

#[test]
fn what_is_too_long_is_split_where_it_can_be() {
    // Forty branches of a hundred characters: more than one condition holds.
    let text = |n: i32| format!("{}{n}", "x".repeat(80));
    let joined = |operator: &str| {
        let mut branches: Vec<Value> = (0..40)
            .map(|n| condition("content", "equal_to", &json!([text(n)])))
            .collect();
        for branch in &mut branches[..39] {
            branch["query_operator"] = json!(operator);
        }
        imported(Dialect::Chatwoot, &rule(&json!(branches)))
    };
    let or = joined("OR");
    assert!(or.complete(), "{:?}", or.remarks);
    let rules = loaded(&or);
    assert!(rules.iter().count() > 1);
    let mut raw = sample("chatwoot/message_created.incoming");
    for n in [0, 20, 39] {
        raw["content"] = json!(text(n));
        assert_eq!(rules.matching(&webhook(&raw)).len(), 1, "{n}");
    }
    let and = joined("AND");
    assert!(!and.complete() && loaded(&and).iter().next().is_none());
    assert!(
        and.remarks[1].contains("at most 2048 are allowed"),
        "{:?}",
        and.remarks[1]
    );
}

#[test]
fn what_is_too_deep_is_reported() {
    let nested = |levels: usize| {
        let test = |n: usize| json!({"fact": "conversation.n", "operator": "equal", "value": n});
        let conditions = (0..levels).fold(test(1), |inner, n| match n % 2 {
            0 => json!({"any": [test(n), inner]}),
            _ => json!({"all": [test(n), inner]}),
        });
        json!({"conditions": conditions})
    };
    for (levels, complete) in [(5, true), (15, true), (30, false), (55, false)] {
        let imported = imported(Dialect::Web1on1, &nested(levels));
        let remark = imported.remarks.join(" ");
        assert_eq!(imported.complete(), complete, "{levels}: {remark}");
        assert!(
            complete || remark.contains("levels deep") || remark.contains("2048"),
            "{remark}"
        );
        assert_eq!(loaded(&imported).iter().count(), usize::from(complete));
    }
    let files = [("deep.json".to_owned(), nested(200).to_string())];
    let error = import(Dialect::Web1on1, &files, &["postgres".to_owned()]).expect_err("too deep");
    assert!(
        error.starts_with("deep.json is not JSON that can be read: recursion limit"),
        "{error}"
    );
}

#[test]
fn wrong_types_are_reported_and_make_no_rule() {
    let values = [
        json!(null),
        json!(true),
        json!(5),
        json!("text"),
        json!([]),
        json!({}),
        json!([[]]),
        json!([5]),
        json!({"a": 1}),
    ];
    let right = rule(&json!([condition("content", "contains", &json!(["x"]))]));
    let workflow: Value = serde_json::from_str(include_str!("workflow.json")).expect("JSON");
    for value in &values {
        for (dialect, right) in [(Dialect::Chatwoot, &right), (Dialect::Web1on1, &workflow)] {
            let whole = imported(dialect, value);
            assert_eq!(loaded(&whole).iter().count(), 0, "{value}");
            assert_eq!(whole.complete(), *value == json!([]), "{value}: {:?}", whole.remarks);
            // Each member of a valid rule in turn.
            let mut pointers = Vec::new();
            pointers_of(right, String::new(), &mut pointers);
            assert!(pointers.len() > 10);
            for pointer in pointers {
                let mut wrong = right.clone();
                *wrong.pointer_mut(&pointer).expect("it exists") = value.clone();
                let imported = imported(dialect, &wrong);
                loaded(&imported);
                assert!(!imported.remarks.is_empty(), "{pointer} {value}");
            }
        }
    }
}

fn pointers_of(value: &Value, at: String, out: &mut Vec<String>) {
    match value {
        Value::Array(elements) => {
            for (n, element) in elements.iter().enumerate() {
                pointers_of(element, format!("{at}/{n}"), out);
            }
        }
        Value::Object(members) => {
            for (name, member) in members {
                pointers_of(member, format!("{at}/{name}"), out);
            }
        }
        _ => {}
    }
    out.push(at);
}

#[test]
fn a_file_that_is_not_json_is_named() {
    let of = |dialect: Dialect, text: &str| {
        let files = [("a.json".to_owned(), text.to_owned())];
        import(dialect, &files, &["postgres".to_owned()])
    };
    for (text, expected) in [
        ("", "a.json is empty"),
        (" \n", "a.json is empty"),
        ("rules:\n", "a.json is not JSON that can be read"),
        ("{\"a\":", "a.json is not JSON that can be read"),
        ("[] []", "a.json is not JSON that can be read"),
    ] {
        for dialect in [Dialect::Web1on1, Dialect::Chatwoot] {
            let error = of(dialect, text).expect_err(text);
            assert!(error.starts_with(expected), "{error}");
        }
    }
    let nothing = of(Dialect::Chatwoot, "\u{feff}[]").expect("a byte order mark is ignored");
    assert_eq!(nothing.remarks, ["a.json: there is no rule in it"]);
    assert_eq!(loaded(&nothing).iter().count(), 0);
}

#[test]
fn rules_of_one_name_get_different_names() {
    let files = [
        (
            "a.json".to_owned(),
            json!([rule(&json!([])), rule(&json!([]))]).to_string(),
        ),
        ("b.json".to_owned(), rule(&json!([])).to_string()),
    ];
    let imported = import(Dialect::Chatwoot, &files, &["postgres".to_owned()]).expect("JSON");
    let names: Vec<String> = loaded(&imported).iter().map(|rule| rule.name.to_string()).collect();
    assert_eq!(names, ["vip", "vip-2", "vip-3"]);
}
