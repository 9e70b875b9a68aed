//! Lazy reading changes nothing: conditions have the same result as the CEL library with the same values, built in full.

use std::collections::HashMap;

use cel::{Context, Env, Value};
use proptest::prelude::*;
use rules::Verdict;

use crate::support::event;
use crate::verdict_of;

/// The same JSON as the library's own values.
fn built(value: &serde_json::Value) -> Value {
    use serde_json::Value as Json;
    match value {
        Json::Null => Value::Null,
        Json::Bool(b) => (*b).into(),
        Json::Number(n) => match (n.as_i64(), n.as_u64(), n.as_f64()) {
            (Some(n), ..) => n.into(),
            (_, Some(n), _) => n.into(),
            (.., n) => n.expect("a number").into(),
        },
        Json::String(s) => s.as_str().into(),
        Json::Array(a) => a.iter().map(built).collect::<Vec<_>>().into(),
        Json::Object(o) => o
            .iter()
            .map(|(k, v)| (k.clone(), built(v)))
            .collect::<HashMap<_, _>>()
            .into(),
    }
}

fn json() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        prop::sample::select(vec![0_i64, 1, 2, -7, i64::MAX, i64::MIN]).prop_map(Into::into),
        prop::sample::select(vec![0.0, 1.5, -2.25, 1e300]).prop_map(Into::into),
        Just(u64::MAX.into()),
        prop::sample::select(vec!["", "a", "1", "é\u{1F44B}\\\"\n", "2026-03-10T00:00:00Z"]).prop_map(Into::into),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        let name = prop::sample::select(vec!["a", "b", "c", "d\"\\"]);
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Into::into),
            prop::collection::hash_map(name, inner, 0..4).prop_map(|members| {
                serde_json::Value::Object(members.into_iter().map(|(k, v)| (k.to_owned(), v)).collect())
            }),
        ]
    })
}

fn condition() -> impl Strategy<Value = String> {
    let path = prop::sample::select(vec![
        "",
        ".a",
        ".b",
        ".a.b",
        ".a[0]",
        "['c']",
        ".a.?b.orValue(1)",
        ".?b.orValue(null)",
        ".b[0].a",
        "['d\"\\\\']",
    ]);
    let path = path.prop_map(|path| format!("event.data.raw{path}"));
    let leaf = (path.clone(), path, 0..22).prop_map(|(x, y, form)| match form {
        0 => format!("{x} == {y}"),
        1 => format!("{x} != {y}"),
        2 => format!("{x} > 1"),
        3 => format!("{x} < {y}"),
        4 => format!("{x} + {y} == {x}"),
        5 => format!("10 / {x} > 1"),
        6 => format!("int({x}) == 1"),
        7 => format!("double({x}) > 1.0"),
        8 => format!("size({x}) > 1"),
        9 => format!("{x} in {y}"),
        10 => format!("{x}.exists(i, i == {y})"),
        11 => format!("{x}.all(i, 2 / i > 0)"),
        12 => format!("{x}.startsWith('a')"),
        13 => format!("string({x}) == '1'"),
        14 => x,
        15 => format!("type({x}) == list"),
        16 => format!("{x}.map(i, i) == {y}"),
        17 => format!("{x}.filter(i, i != {y}).size() == 1"),
        18 => format!("timestamp({x}) < event.time"),
        19 => format!("[1, 2, {x}] == {y}"),
        20 => format!("{{'a': {x}}} == {y}"),
        _ => format!("{x}.exists_one(i, i.a == 1)"),
    });
    leaf.prop_recursive(3, 8, 3, |inner| {
        prop_oneof![
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a} && {b})")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a} || {b})")),
            (inner.clone(), inner.clone(), inner.clone()).prop_map(|(a, b, c)| format!("({a} ? {b} : {c})")),
            inner.prop_map(|a| format!("!({a})")),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn a_condition_has_the_same_result_as_the_library_with_the_same_values(
        raw in json(),
        conditions in prop::collection::vec(condition(), 1..4),
    ) {
        let conditions: Vec<&str> = conditions.iter().map(String::as_str).filter(|c| c.len() <= 2_048).collect();
        let event = event("x.y", &format!(r#"{{"raw":{raw}}}"#));
        let env = std::sync::Arc::new(Env::stdlib());
        for when in &conditions {
            let one = verdict_of(when, &event);
            let mut context = Context::with_env(std::sync::Arc::clone(&env));
            let time = Value::Timestamp(event.attributes.time.to_datetime().fixed_offset());
            let data = HashMap::from([("raw", built(&raw))]);
            context.add_variable_from_value("event", HashMap::from([("data", data.into()), ("time", time)]));
            let library = env.compile(when).expect("valid").execute(&context);
            let right = match (&library, &one) {
                (Ok(Value::Bool(true)), Verdict::Yes)
                | (Ok(Value::Bool(false)), Verdict::No)
                | (Ok(Value::Bool(false) | Value::Null), Verdict::Absent) => true,
                (Ok(Value::Bool(_)), _) => false,
                (Ok(_), one) => matches!(one, Verdict::Failed(_)),
                (Err(_), one) => matches!(one, Verdict::Absent | Verdict::Failed(_)),
            };
            prop_assert!(right, "{when}\n{raw}\nthe library {library:?}\nwe {one:?}");
        }
    }
}
