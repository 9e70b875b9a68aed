//! One condition as CEL: how the values of an attribute are compared, and the operators that Chatwoot has for it.

use serde_json::Value;

use super::attribute::{self, Attribute};
use crate::import::draft::{kind, plain};
use crate::import::pattern;
use crate::import::text::{literal, one_of, ordered, quoted};

pub(super) fn compare(attribute: &Attribute, operator: &str, values: Option<&Value>) -> Result<String, String> {
    match attribute {
        Attribute::Id { x, guard, optional } => id(x, guard.as_deref(), *optional, operator, values),
        Attribute::Word { x, words } => {
            let values = texts(values)?;
            let all = *words == attribute::STATUSES && values.iter().any(|value| value == "all");
            let words: Vec<&str> = if all {
                words.to_vec()
            } else {
                values.iter().map(String::as_str).collect()
            };
            words_of(attribute, &words)?;
            among(x, operator, &words.iter().map(|word| literal(word)).collect::<Vec<_>>())
        }
        Attribute::Text { x } => match operator {
            "equal_to" | "not_equal_to" => {
                let values = texts(values)?;
                among(
                    x,
                    operator,
                    &values.iter().map(|value| literal(value)).collect::<Vec<_>>(),
                )
            }
            _ => search(x, operator, values, "").map(|search| format!("type({x}) == string && {search}")),
        },
        Attribute::Content { x } => match operator {
            "equal_to" | "not_equal_to" => {
                let not = if operator == "equal_to" { "" } else { "!" };
                Ok(format!("{not}{x}.matches({})", literal(&whole(&texts(values)?))))
            }
            _ => search(x, operator, values, "i"),
        },
        Attribute::Flag { x } => flag(x, operator, values),
        Attribute::Labels(x) => match operator {
            "is_present" => Ok(format!("size({x}) > 0")),
            "is_not_present" => Ok(format!("size({x}) == 0")),
            _ => Err(no_such(operator)),
        },
        Attribute::Epoch { x } => epoch(x, operator, values),
        Attribute::Custom { holder, name } => custom(holder, name, operator, values),
    }
}

fn id(x: &str, guard: Option<&str>, optional: bool, operator: &str, values: Option<&Value>) -> Result<String, String> {
    let cel = match operator {
        "is_present" | "is_not_present" if !optional => return Err(no_such(operator)),
        "is_present" => format!("{x} != null"),
        "is_not_present" => return Ok(format!("{} == null", attribute::holder(x))),
        "equal_to" => one_of(x, &numbers(values)?),
        "not_equal_to" => format!("type({x}) == int && !({})", one_of(x, &numbers(values)?)),
        _ => return Err(no_such(operator)),
    };
    Ok(match guard {
        Some(guard) => format!("{guard} && {cel}"),
        None => cel,
    })
}

fn flag(x: &str, operator: &str, values: Option<&Value>) -> Result<String, String> {
    let flags = values.and_then(Value::as_array).ok_or("its values are not a list")?;
    let flags: Option<Vec<String>> = flags
        .iter()
        .map(|flag| match flag {
            Value::Bool(flag) => Some(flag.to_string()),
            Value::String(text) if matches!(text.as_str(), "true" | "false") => Some(text.clone()),
            _ => None,
        })
        .collect();
    let flags = flags
        .filter(|flags| !flags.is_empty())
        .ok_or("its values are not true or false")?;
    match operator {
        "equal_to" => Ok(one_of(x, &flags)),
        "not_equal_to" => Ok(format!("type({x}) == bool && !({})", one_of(x, &flags))),
        _ => Err(no_such(operator)),
    }
}

/// Tests a time against a date.
fn epoch(x: &str, operator: &str, values: Option<&Value>) -> Result<String, String> {
    let sign = match operator {
        "is_greater_than" => ">",
        "is_less_than" => "<",
        "days_before" => return Err("it counts from today, and rules have no calendar".to_owned()),
        _ => return Err(no_such(operator)),
    };
    let date = texts(values)?.into_iter().next().ok_or("it has no values")?;
    let day = schemas::time::Timestamp::parse(&format!("{date}T00:00:00Z"));
    let seconds = day.ok_or_else(|| format!("{} is not a date", quoted(&date)))?.millis() / 1_000;
    // In Chatwoot zero means none.
    Ok(format!("type({x}) in [int, double] && {x} > 0 && {x} {sign} {seconds}"))
}

/// Tests a custom attribute. Only Chatwoot's settings have its type; a text is compared without regard to case.
fn custom(holder: &str, name: &str, operator: &str, values: Option<&Value>) -> Result<String, String> {
    let x = format!("{holder}[{}]", literal(name));
    match operator {
        "is_present" => Ok(format!("{} in {holder} && {x} != null", literal(name))),
        "is_not_present" => Ok(format!("(!({} in {holder}) || {x} == null)", literal(name))),
        "equal_to" | "not_equal_to" => {
            let values = values.and_then(Value::as_array).ok_or("its values are not a list")?;
            let texts: Option<Vec<String>> = values
                .iter()
                .map(|value| plain(value).or_else(|| value.as_bool().map(|flag| flag.to_string())))
                .collect();
            let texts = texts
                .filter(|texts| !texts.is_empty())
                .ok_or("its values are not text, numbers, true or false")?;
            let pattern = literal(&whole(&texts));
            let listed = one_of(
                &format!("string({x})"),
                &texts.iter().map(|text| literal(text)).collect::<Vec<_>>(),
            );
            // A list or an object has no text.
            let simple = format!("type({x}) in [int, uint, double, bool]");
            if operator == "equal_to" {
                return Ok(format!(
                    "(type({x}) == string ? {x}.matches({pattern}) : {simple} && {listed})"
                ));
            }
            // A number that is kept as text has more than one spelling.
            let of_text = if texts.iter().any(|text| text.trim().parse::<f64>().is_ok()) {
                "false".to_owned()
            } else {
                format!("!{x}.matches({pattern})")
            };
            Ok(format!("(type({x}) == string ? {of_text} : {simple} && !({listed}))"))
        }
        "is_greater_than" | "is_less_than" => {
            let value = values
                .and_then(|values| values.get(0))
                .and_then(plain)
                .unwrap_or_default();
            let number: f64 = value
                .parse()
                .ok()
                .filter(|number: &f64| number.is_finite())
                .ok_or_else(|| {
                    format!(
                        "{} is not a number, and dates in custom attributes are not compared",
                        quoted(&value)
                    )
                })?;
            let sign = if operator == "is_greater_than" { ">" } else { "<" };
            Ok(ordered(&x, sign, number))
        }
        "days_before" => Err("it counts from today, and rules have no calendar".to_owned()),
        _ => search(&x, operator, values, "i").map(|search| format!("type({x}) == string && {search}")),
    }
}

/// `x IN (…)` and `x NOT IN (…)`; neither is true where `x` is null.
fn among(x: &str, operator: &str, values: &[String]) -> Result<String, String> {
    match operator {
        _ if values.is_empty() => Err("it has no values".to_owned()),
        "equal_to" => Ok(one_of(x, values)),
        "not_equal_to" => Ok(format!("type({x}) == string && !({})", one_of(x, values))),
        _ => Err(no_such(operator)),
    }
}

/// `ILIKE` and `LIKE`, for an `x` that is text.
fn search(x: &str, operator: &str, values: Option<&Value>, starts_flag: &str) -> Result<String, String> {
    let values = match values {
        Some(Value::String(text)) => vec![text.clone()],
        other => texts(other)?,
    };
    let first = values.first().ok_or("it has no values")?;
    let refused = || "a value ends in a backslash, which PostgreSQL refuses".to_owned();
    match operator {
        "contains" | "does_not_contain" => {
            let patterns: Option<Vec<String>> = values
                .iter()
                .map(|value| pattern::like(&format!("%{}%", value.trim())))
                .collect();
            let patterns = patterns.ok_or_else(refused)?;
            let not = if operator == "contains" { "" } else { "!" };
            Ok(format!(
                "{not}{x}.matches({})",
                literal(&format!("(?is){}", patterns.join("|")))
            ))
        }
        "starts_with" => {
            let pattern = pattern::like(&format!("{}%", first.to_lowercase())).ok_or_else(refused)?;
            Ok(format!(
                "{x}.matches({})",
                literal(&format!("(?{starts_flag}s){pattern}"))
            ))
        }
        _ => Err(no_such(operator)),
    }
}

/// Matches any of `texts` as a whole, in any case.
fn whole(texts: &[String]) -> String {
    let texts: Vec<String> = texts.iter().map(|text| pattern::plain(text)).collect();
    format!("(?is)^(?:{})$", texts.join("|"))
}

fn words_of(attribute: &Attribute, values: &[&str]) -> Result<(), String> {
    let Attribute::Word { words, .. } = attribute else {
        return Ok(());
    };
    match values.iter().find(|value| !words.contains(value)) {
        Some(unknown) => Err(format!(
            "Chatwoot has no {} there, only {}",
            quoted(unknown),
            words.join(", ")
        )),
        None => Ok(()),
    }
}

pub(super) fn texts(values: Option<&Value>) -> Result<Vec<String>, String> {
    let list = values.and_then(Value::as_array);
    let list = list.ok_or_else(|| format!("its values are {}, not a list", kind(values)))?;
    let texts: Option<Vec<String>> = list.iter().map(|value| value.as_str().map(str::to_owned)).collect();
    let texts = texts.ok_or("one of its values is not text")?;
    if texts.is_empty() {
        return Err("it has no values".to_owned());
    }
    Ok(texts)
}

/// Ids, which Chatwoot writes as numbers or as text.
fn numbers(values: Option<&Value>) -> Result<Vec<String>, String> {
    let list = values.and_then(Value::as_array);
    let list = list.ok_or_else(|| format!("its values are {}, not a list", kind(values)))?;
    let numbers: Option<Vec<String>> = list
        .iter()
        .map(|value| Some(plain(value)?.trim().parse::<i64>().ok()?.to_string()))
        .collect();
    numbers
        .filter(|numbers| !numbers.is_empty())
        .ok_or_else(|| "its values are not ids".to_owned())
}

fn no_such(operator: &str) -> String {
    format!("Chatwoot has no operator {} for it", quoted(operator))
}
