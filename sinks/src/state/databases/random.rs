//! Rows that say anything, few things over and over, so that they get in each other's way.

use schemas::time::Timestamp;
use uuid::Uuid;

use crate::state::register::{Agent, Greatest, Json, Latest, Least, Version};
use crate::state::table::Table;
use crate::state::tables::TicketChange;
use crate::state::{Part, State};

/// Numbers that look random and are the same every time.
#[derive(Debug)]
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: usize) -> Self {
        Self(
            u64::try_from(seed)
                .expect("64 bits")
                .wrapping_mul(0x9e37_79b9_7f4a_7c15),
        )
    }

    pub(crate) fn below(&mut self, n: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).expect("31 bits") % n
    }

    fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())]
    }

    pub(crate) fn shuffle<T>(&mut self, of: &mut [T]) {
        for n in (1..of.len()).rev() {
            of.swap(n, self.below(n + 1));
        }
    }
}

/// Something of which there are a few.
pub(crate) trait Random {
    fn random(dice: &mut Dice) -> Self;
}

/// What sorts differently by bytes, by UTF-16 and by languages.
pub(super) const TEXTS: &[&str] = &[
    "",
    "a",
    "B",
    "b",
    "ab",
    "é",
    "e\u{301}",
    "ß",
    "z",
    "\u{ffff}",
    "😀",
    "\u{10ffff}",
    "a'b\"c\\d",
    "-1",
    " ",
    "\t\n",
    "{}",
    "NULL",
];

impl Random for String {
    fn random(dice: &mut Dice) -> Self {
        // Some are longer than what is kept of them.
        dice.pick(TEXTS).repeat(dice.pick(&[1, 1, 1, 2, 300]))
    }
}

impl Random for Json {
    fn random(dice: &mut Dice) -> Self {
        Self(
            dice.pick(&[r#"["a","é😀"]"#, "[]", r#"["A"]"#, r#"{"a":[null,-0.5]}"#])
                .to_owned(),
        )
    }
}

impl Random for Agent {
    fn random(dice: &mut Dice) -> Self {
        let mut some = || (dice.below(3) > 0).then(|| String::random(dice));
        Self {
            id: some(),
            name: some(),
        }
    }
}

impl Random for Timestamp {
    fn random(dice: &mut Dice) -> Self {
        let ms = dice.pick(&[0, 1, 999, 1_773_149_810_912, 1_773_149_810_913, 253_402_300_799_999]);
        Self::from_millis(ms).expect("in range")
    }
}

impl Random for bool {
    fn random(dice: &mut Dice) -> Self {
        dice.below(2) == 0
    }
}

fn version(number: usize) -> Version {
    let high = [0, 1, 0x7fff_ffff, 0x8000_0000, 0xfeff_0000, 0xffff_ffff][number % 6];
    Version(Uuid::from_u128((high << 96) | 7))
}

impl Random for Version {
    fn random(dice: &mut Dice) -> Self {
        version(dice.below(6))
    }
}

impl<V: Random + Ord> Random for Least<V> {
    fn random(dice: &mut Dice) -> Self {
        let mut register = Self::default();
        register.say((dice.below(2) > 0).then(|| V::random(dice)));
        register
    }
}

impl<V: Random + Ord> Random for Greatest<V> {
    fn random(dice: &mut Dice) -> Self {
        let mut register = Self::default();
        register.say((dice.below(2) > 0).then(|| V::random(dice)));
        register
    }
}

/// Of one version there is one value, or one "nothing": it is one event.
impl<V: Random + Ord> Random for Latest<V> {
    fn random(dice: &mut Dice) -> Self {
        let mut register = Self::default();
        let number = dice.below(9);
        if number < 6 {
            let mut of_version = Dice::new(number + 1);
            if of_version.below(4) == 0 {
                register.clear(version(number));
            } else {
                register.say(version(number), V::random(&mut of_version));
            }
        }
        register
    }
}

fn text(dice: &mut Dice) -> Part {
    Part::Text(dice.pick(&TEXTS[1..]).to_owned())
}

fn rows<T: Table + Random>(
    tenant: &str,
    dice: &mut Dice,
    rest: impl Fn(&mut Dice) -> Vec<Part>,
) -> crate::state::Rows<T> {
    let rows = (0..12).map(|_| {
        let mut key = vec![Part::Text(tenant.to_owned()), text(dice)];
        key.extend(rest(dice));
        (key, T::random(dice))
    });
    rows.collect()
}

/// What a batch of a tenant may say of all tables.
pub(super) fn state(tenant: &str, dice: &mut Dice) -> State {
    let one = |dice: &mut Dice| vec![text(dice)];
    let two = |dice: &mut Dice| vec![text(dice), text(dice)];
    let change = |dice: &mut Dice| vec![text(dice), Part::Version(Version::random(dice))];
    let epoch = |dice: &mut Dice| vec![text(dice), Part::Number(dice.pick(&[i64::MIN, -1, 0, 1, i64::MAX]))];
    let mut state = State {
        messages: rows(tenant, dice, two),
        conversations: rows(tenant, dice, one),
        tickets: rows(tenant, dice, one),
        ticket_changes: rows(tenant, dice, change),
        contacts: rows(tenant, dice, one),
        groups: rows(tenant, dice, one),
        group_members: rows(tenant, dice, two),
        connections: rows(tenant, dice, epoch),
        unread: 0,
    };
    // One event: whoever says it says the same.
    for (key, change) in &mut state.ticket_changes {
        let bytes = format!("{key:?}").bytes().map(usize::from).sum();
        *change = TicketChange::random(&mut Dice::new(bytes));
    }
    state
}
