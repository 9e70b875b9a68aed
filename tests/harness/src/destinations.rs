//! The sinks that rules may name, where no sink is needed.

use schemas::name::SinkName;
use schemas::setting::Invalid;
use schemas::sink::Destinations;

/// These sinks, and whether they take an argument.
#[derive(Debug, Clone, Copy)]
pub struct Takes<'n> {
    /// Their names.
    pub sinks: &'n [&'n str],
    /// Whether a rule may write something after the colon.
    pub argument: bool,
}

impl Destinations for Takes<'_> {
    fn sinks(&self) -> Vec<SinkName> {
        let name = |name: &&str| SinkName::new((*name).to_owned()).expect("valid");
        self.sinks.iter().map(name).collect()
    }

    fn check(&self, _: &SinkName, argument: Option<&str>) -> Result<(), Invalid> {
        match argument {
            Some(_) if !self.argument => Err(Invalid::new("", "takes no argument: write its name alone")),
            _ => Ok(()),
        }
    }
}
