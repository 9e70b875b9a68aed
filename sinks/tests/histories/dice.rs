//! Chance that is the same every time.

/// Numbers that look random and are the same every time.
#[derive(Debug)]
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }

    pub(crate) fn below(&mut self, n: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).expect("31 bits") % n
    }

    pub(crate) fn pick<T: Clone>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())].clone()
    }

    pub(crate) fn shuffle<T>(&mut self, of: &mut [T]) {
        for n in (1..of.len()).rev() {
            of.swap(n, self.below(n + 1));
        }
    }
}

/// Calls `each` with every order of these numbers.
pub(crate) fn permutations(of: usize, each: &mut impl FnMut(&[usize])) {
    fn rest(order: &mut Vec<usize>, from: usize, each: &mut impl FnMut(&[usize])) {
        if from + 1 >= order.len() {
            each(order);
            return;
        }
        for n in from..order.len() {
            order.swap(from, n);
            rest(order, from + 1, each);
            order.swap(from, n);
        }
    }
    rest(&mut (0..of).collect(), 0, each);
}
