//! What a name could have been meant to be: the nearest of those that there are.

/// Returns the known name that is nearest to `name`, if it is near enough to be meant: at most a third of its characters differ.
pub fn nearest<'k>(name: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    let lower = name.to_lowercase();
    let near = known
        .into_iter()
        .map(|known| (distance(&known.to_lowercase(), &lower), known));
    let (distance, known) = near.min_by_key(|(distance, _)| *distance)?;
    (distance <= known.chars().count().div_ceil(3)).then_some(known)
}

/// Returns `; did you mean …?` with the nearest known name, or nothing.
pub fn did_you_mean<'k>(name: &str, known: impl IntoIterator<Item = &'k str>) -> String {
    nearest(name, known).map_or_else(String::new, |known| format!("; did you mean `{known}`?"))
}

/// Returns how many characters must be inserted, deleted, replaced or swapped with their neighbour to turn one into the other.
pub fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut rows = vec![(0..=b.len()).collect::<Vec<usize>>()];
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let replaced = rows[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut least = replaced.min(rows[i - 1][j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                least = least.min(rows[i - 2][j - 2] + 1);
            }
            row.push(least);
        }
        rows.push(row);
    }
    rows[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_found_and_a_far_one_is_not() {
        let known = ["error", "warn", "info", "debug", "trace", "off"];
        for (name, expected) in [
            ("inof", Some("info")),
            ("INFO", Some("info")),
            ("warning", None),
            ("debgu", Some("debug")),
            ("verbose", None),
            ("", None),
        ] {
            assert_eq!(nearest(name, known), expected, "{name}");
        }
        assert_eq!(did_you_mean("inof", known), "; did you mean `info`?");
        assert_eq!(did_you_mean("elsewhere", known), "");
    }

    #[test]
    fn distances_count_a_swap_once() {
        for (a, b, expected) in [
            ("", "", 0),
            ("type", "", 4),
            ("kitten", "sitting", 3),
            ("craeted", "created", 1),
        ] {
            assert_eq!((distance(a, b), distance(b, a)), (expected, expected), "{a} {b}");
        }
    }
}
