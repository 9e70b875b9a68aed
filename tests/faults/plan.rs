//! The size of the cases: small in `./run test`, large in `./run faults`, which sets the variables.

/// Reads a number from the environment.
fn variable(name: &str) -> Option<u64> {
    let value = std::env::var_os(name)?.into_string().ok()?;
    Some(
        value
            .parse()
            .unwrap_or_else(|_| panic!("{name} is not a number: `{value}`")),
    )
}

/// The parameters of every case.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plan {
    /// Whether this is the long run.
    pub(crate) long: bool,
    /// How many events must be accepted at least; faults are repeated until then.
    pub(crate) events: usize,
    /// Events a second.
    pub(crate) rate: u32,
    pub(crate) keys: usize,
    pub(crate) receivers: usize,
    /// The seed of everything random.
    pub(crate) seed: u64,
}

impl Plan {
    pub(crate) fn read() -> Self {
        let events = variable("FOREBAY_FAULTS_EVENTS");
        let number = |value: u64| usize::try_from(value).expect("fits");
        let rate = variable("FOREBAY_FAULTS_RATE").map_or(80, |rate| u32::try_from(rate).expect("a rate that fits"));
        Self {
            long: events.is_some(),
            events: events.map_or(400, number),
            rate,
            keys: if events.is_some() { 500 } else { 100 },
            receivers: if events.is_some() { 3 } else { 2 },
            seed: variable("FOREBAY_FAULTS_SEED").unwrap_or(1),
        }
    }

    /// Returns one of two values, by the length of the run.
    pub(crate) fn short_or_long<T>(self, short: T, long: T) -> T {
        if self.long { long } else { short }
    }
}
