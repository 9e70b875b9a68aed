//! What a value without quotes means where no text is wanted: the core schema of YAML 1.2.

/// Whether it is nothing: empty, `~` or `null`.
pub(crate) fn is_nothing(text: &str) -> bool {
    matches!(text, "" | "~" | "null" | "Null" | "NULL")
}

/// Reads `true` or `false`.
pub(crate) fn truth(text: &str) -> Option<bool> {
    match text {
        "true" | "True" | "TRUE" => Some(true),
        "false" | "False" | "FALSE" => Some(false),
        _ => None,
    }
}

/// Reads a whole number: decimal, `0o17` or `0x1f`.
pub(crate) fn whole(text: &str) -> Option<i128> {
    let digits = |text: &str, radix| {
        let valid = !text.is_empty() && text.chars().all(|c| c.is_digit(radix));
        valid.then(|| i128::from_str_radix(text, radix).ok()).flatten()
    };
    if let Some(octal) = text.strip_prefix("0o") {
        return digits(octal, 8);
    }
    if let Some(hexadecimal) = text.strip_prefix("0x") {
        return digits(hexadecimal, 16);
    }
    match text.strip_prefix('-') {
        Some(number) => digits(number, 10).map(|number| -number),
        None => digits(text.strip_prefix('+').unwrap_or(text), 10),
    }
}

/// Reads a number with a fraction or an exponent, or a whole one; neither infinite nor `.nan`.
pub(crate) fn number(text: &str) -> Option<f64> {
    let begins = text.trim_start_matches(['-', '+']);
    let digits =
        begins.starts_with(|c: char| c.is_ascii_digit() || c == '.') && begins.contains(|c: char| c.is_ascii_digit());
    let number = digits.then(|| text.parse::<f64>().ok()).flatten();
    number.filter(|number| number.is_finite())
}
