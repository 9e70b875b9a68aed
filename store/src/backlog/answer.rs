//! How much one answer holds.

use schemas::backlog::{Wanted, Which};

/// The most rows of one answer, if not more elements are wanted.
const ROWS: usize = 500;

/// The size from which on an answer takes no further row.
pub(super) const BYTES: i64 = 16 * 1024 * 1024;

/// Returns how many rows each element gets at most: what it wants, or its share where all together want too many. Each gets at
/// least one, so that one that gets none has none.
pub(super) fn limits(wanted: &[Wanted]) -> Vec<i64> {
    let asked: Vec<usize> = wanted.iter().map(|wanted| limit(&wanted.which)).collect();
    let total = asked.iter().fold(0_usize, |total, limit| total.saturating_add(*limit));
    let share = if total > ROWS {
        (ROWS / wanted.len().max(1)).max(1)
    } else {
        ROWS
    };
    let shares = asked.into_iter().map(|limit| limit.min(share));
    shares.map(|limit| i64::try_from(limit).unwrap_or(i64::MAX)).collect()
}

fn limit(which: &Which) -> usize {
    match which {
        Which::InLine { limit, .. } | Which::OfKey { limit, .. } => *limit,
        Which::At(_) => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn in_line(limit: usize) -> Wanted {
        let which = Which::InLine { after: None, limit };
        Wanted {
            target: "a".to_owned(),
            which,
        }
    }

    #[test]
    fn many_share_and_each_gets_one() {
        assert_eq!(limits(&[in_line(500)]), [500]);
        assert_eq!(limits(&[in_line(usize::MAX)]), [500]);
        assert_eq!(limits(&[in_line(400), in_line(400), in_line(3)]), [166, 166, 3]);
        assert_eq!(limits(&vec![in_line(10); 1000]), vec![1; 1000]);
        assert_eq!(limits(&[]), Vec::<i64>::new());
    }
}
