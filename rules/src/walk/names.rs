//! Names that stand for nothing: what was meant instead.

use cel::common::ast::{Expr, IdedExpr};
use schemas::data::TYPES;

use super::{Known, Walk, ast};

impl Walk<'_> {
    /// Whether `expression` is a type of event without quotes, which is reported.
    pub(super) fn is_unquoted_type(&mut self, expression: &IdedExpr) -> bool {
        let Some((first, path)) = ast::dotted(expression) else {
            return false;
        };
        let is_bound = self.scopes.iter().any(|(bound, _)| ast::is_name(first, bound));
        if is_bound || !TYPES.iter().any(|known| known.name == path) {
            return false;
        }
        let name = path.split('.').next().unwrap_or_default();
        self.fault(
            first,
            format!("there is no variable `{name}`: if the type of event is meant, put it in quotes: \"{path}\""),
        );
        true
    }

    /// Reports that `expression` is a name that stands for nothing.
    pub(super) fn no_variable(&mut self, expression: &IdedExpr) {
        let Expr::Ident(name) = &expression.expr else {
            return;
        };
        let of = |path: &str, object: Known| object.member(name).is_ok().then(|| format!("{path}.{name}"));
        let data = || Known::event().member("data").unwrap_or_default();
        let example = of("event", Known::event())
            .or_else(|| of("event.data", data()))
            .unwrap_or_else(|| "event.type".to_owned());
        self.fault(
            expression,
            format!("there is no variable `{name}`: a condition sees `event`, as in `{example}`"),
        );
    }
}
