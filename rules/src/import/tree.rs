//! Conditions as a tree, and its bounds where some tests are lost: what certainly matches, and what may match.

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Tree {
    All(Vec<Tree>),
    Any(Vec<Tree>),
    Not(Box<Tree>),
    Test {
        cel: String,
        /// Whether it is true wherever the original is; otherwise it may be false there.
        exact: bool,
    },
    /// A test that is not carried over: it may be true or false.
    Lost,
}

impl Tree {
    pub(super) fn always() -> Self {
        Self::All(Vec::new())
    }

    pub(super) fn never() -> Self {
        Self::Any(Vec::new())
    }

    /// All of `branches`, without redundant layers.
    pub(super) fn all(branches: Vec<Self>) -> Self {
        if branches.contains(&Self::never()) {
            return Self::never();
        }
        let flat = branches.into_iter().flat_map(|branch| match branch {
            Self::All(inner) => inner,
            other => vec![other],
        });
        one_or(flat.collect(), Self::All)
    }

    /// Any of `branches`, without redundant layers.
    pub(super) fn any(branches: Vec<Self>) -> Self {
        if branches.contains(&Self::always()) {
            return Self::always();
        }
        let flat = branches.into_iter().flat_map(|branch| match branch {
            Self::Any(inner) => inner,
            other => vec![other],
        });
        one_or(flat.collect(), Self::Any)
    }

    /// The bound that matches nothing that the original does not.
    pub(super) fn lower(&self) -> Self {
        self.bound(Self::never())
    }

    /// The bound that matches everything that the original does.
    pub(super) fn upper(&self) -> Self {
        self.bound(Self::always())
    }

    fn bound(&self, lost: Self) -> Self {
        let each = |branches: &[Self]| branches.iter().map(|branch| branch.bound(lost.clone())).collect();
        match self {
            Self::All(branches) => Self::all(each(branches)),
            Self::Any(branches) => Self::any(each(branches)),
            Self::Not(inner) => {
                let other = if lost == Self::never() {
                    Self::always()
                } else {
                    Self::never()
                };
                match inner.inside_negation().bound(other) {
                    bound if bound == Self::always() => Self::never(),
                    bound if bound == Self::never() => Self::always(),
                    bound => Self::Not(Box::new(bound)),
                }
            }
            Self::Test { .. } => self.clone(),
            Self::Lost => lost,
        }
    }

    /// Inside a negation, a test that may be false too often would be true too often, so it counts as lost.
    fn inside_negation(&self) -> Self {
        match self {
            Self::All(branches) => Self::All(branches.iter().map(Self::inside_negation).collect()),
            Self::Any(branches) => Self::Any(branches.iter().map(Self::inside_negation).collect()),
            Self::Not(inner) => Self::Not(Box::new(inner.inside_negation())),
            Self::Test { exact: false, .. } => Self::Lost,
            other => other.clone(),
        }
    }

    /// Whether a test that is not exact is negated.
    pub(super) fn negates_inexact(&self) -> bool {
        match self {
            Self::All(branches) | Self::Any(branches) => branches.iter().any(Self::negates_inexact),
            Self::Not(inner) => inner.inside_negation() != **inner,
            Self::Test { .. } | Self::Lost => false,
        }
    }

    pub(super) fn to_cel(&self) -> String {
        let join = |branches: &[Self], operator: &str| {
            let sides: Vec<String> = branches.iter().map(Self::to_operand).collect();
            sides.join(operator)
        };
        match self {
            Self::All(branches) if branches.is_empty() => "true".to_owned(),
            Self::Any(branches) if branches.is_empty() => "false".to_owned(),
            Self::All(branches) => join(branches, " && "),
            Self::Any(branches) => join(branches, " || "),
            Self::Not(inner) => format!("!({})", inner.to_cel()),
            Self::Test { cel, .. } => cel.clone(),
            Self::Lost => "false".to_owned(),
        }
    }

    fn to_operand(&self) -> String {
        match self {
            Self::All(branches) | Self::Any(branches) if branches.len() > 1 => format!("({})", self.to_cel()),
            _ => self.to_cel(),
        }
    }

    /// The parts that must all be true.
    pub(super) fn conjuncts(&self) -> Vec<String> {
        match self {
            Self::All(branches) => branches.iter().map(Self::to_operand).collect(),
            other => vec![other.to_operand()],
        }
    }
}

fn one_or(mut branches: Vec<Tree>, several: impl Fn(Vec<Tree>) -> Tree) -> Tree {
    if branches.len() == 1 {
        branches.remove(0)
    } else {
        several(branches)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn test(cel: &str, exact: bool) -> Tree {
        Tree::Test {
            cel: cel.to_owned(),
            exact,
        }
    }

    /// The value of `tree` if lost tests, and false tests that are not exact, have the value `lost`.
    fn value(tree: &Tree, lost: bool) -> bool {
        match tree {
            Tree::All(branches) => branches.iter().all(|b| value(b, lost)),
            Tree::Any(branches) => branches.iter().any(|b| value(b, lost)),
            Tree::Not(inner) => !value(inner, lost),
            Tree::Test { cel, exact } => cel == "true" || (!exact && lost),
            Tree::Lost => lost,
        }
    }

    fn trees() -> impl Strategy<Value = Tree> {
        let leaf = prop_oneof![
            Just(Tree::Lost),
            (any::<bool>(), any::<bool>()).prop_map(|(value, exact)| test(&value.to_string(), exact)),
        ];
        leaf.prop_recursive(5, 32, 4, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..4).prop_map(Tree::All),
                proptest::collection::vec(inner.clone(), 0..4).prop_map(Tree::Any),
                inner.prop_map(|tree| Tree::Not(Box::new(tree))),
            ]
        })
    }

    proptest! {
        #[test]
        fn the_lower_bound_is_never_true_where_the_original_may_be_false(tree in trees(), lost in any::<bool>()) {
            prop_assert!(!value(&tree.lower(), false) || value(&tree, lost));
        }
    }

    #[test]
    fn a_lost_test_disables_an_and_but_leaves_the_rest_of_an_or() {
        let a = || test("a", true);
        assert_eq!(Tree::All(vec![a(), Tree::Lost]).lower(), Tree::never());
        assert_eq!(Tree::Any(vec![a(), Tree::Lost]).lower(), a());
        assert_eq!(Tree::Not(Box::new(Tree::Lost)).lower(), Tree::never());
        assert_eq!(Tree::Not(Box::new(test("a", false))).lower(), Tree::never());
        assert_eq!(Tree::Not(Box::new(a())).lower().to_cel(), "!(a)");
        assert_eq!(Tree::All(vec![a(), Tree::Lost]).upper(), a());
    }

    #[test]
    fn only_nested_parts_are_in_brackets() {
        let leaf = |name: &str| test(name, true);
        let tree = Tree::all(vec![
            Tree::all(vec![leaf("a"), leaf("b")]),
            Tree::any(vec![leaf("c"), Tree::all(vec![leaf("d"), leaf("e")])]),
        ]);
        assert_eq!(tree.to_cel(), "a && b && (c || (d && e))");
        assert_eq!(tree.conjuncts(), ["a", "b", "(c || (d && e))"]);
    }
}
