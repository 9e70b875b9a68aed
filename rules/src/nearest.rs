//! Which known name was probably meant.

use std::cmp::Reverse;

use schemas::spelling::distance;

/// Returns the known name that `name` was probably meant to be: the nearest one, if few letters differ.
pub(super) fn near<'k>(known: impl IntoIterator<Item = &'k str>, name: &str) -> Option<&'k str> {
    let name = name.to_lowercase();
    let (found, distance) = known
        .into_iter()
        .map(|candidate| {
            let distance = distance(candidate, &name);
            // Letters in another order are one slip.
            (
                candidate,
                if same_letters(candidate, &name) {
                    distance.min(1)
                } else {
                    distance
                },
            )
        })
        .min_by_key(|(_, distance)| *distance)?;
    let allowed = (found.chars().count() / 3).clamp(1, 2);
    (distance <= allowed).then_some(found)
}

/// Ends a message about a name that does not exist with those that do: what was probably meant first, the others in
/// their order.
pub(super) fn suggestion(known: &[&str], name: &str) -> String {
    let near = near(known.iter().copied(), name);
    let mut listed = known.to_vec();
    // Stable: the others keep their order.
    listed.sort_by_key(|candidate| Reverse(Some(*candidate) == near));
    let listed = listed.join(", ");
    match near {
        Some(near) => format!("did you mean `{near}`? There are {listed}"),
        None => format!("there are {listed}"),
    }
}

/// Joins alternatives for a sentence: `a, b or c`.
pub(super) fn either(words: &[&str]) -> String {
    match words {
        [] => String::new(),
        [one] => (*one).to_owned(),
        [front @ .., last] => format!("{} or {last}", front.join(", ")),
    }
}

fn same_letters(a: &str, b: &str) -> bool {
    let sorted = |text: &str| {
        let mut letters: Vec<char> = text.chars().collect();
        letters.sort_unstable();
        letters
    };
    sorted(a) == sorted(b)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_meant_comes_first_and_the_others_keep_their_order() {
        let known = ["type", "id", "time"];
        assert_eq!(
            suggestion(&known, "tine"),
            "did you mean `time`? There are time, type, id"
        );
        assert_eq!(
            suggestion(&known, "Type"),
            "did you mean `type`? There are type, id, time"
        );
        assert_eq!(
            suggestion(&known, "tpye"),
            "did you mean `type`? There are type, id, time"
        );
        assert_eq!(suggestion(&known, "colour"), "there are type, id, time");
        assert_eq!(near(["message", "ticket"], "tickets"), Some("ticket"));
        assert_eq!(near(["message", "ticket"], "push"), None);
        assert_eq!(either(&["a", "b", "c"]), "a, b or c");
    }
}
