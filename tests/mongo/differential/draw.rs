//! Random choices that a seed reproduces.

use std::fmt::Debug;

use chrono::{DateTime, TimeDelta, Utc};
use proptest::prelude::RngExt;
use proptest::test_runner::{RngAlgorithm, TestRng};

/// The choices of one step, and a note of each for the report of a difference.
#[derive(Debug, Clone)]
pub(super) struct Draw {
    rng: TestRng,
    notes: Vec<String>,
}

impl Draw {
    pub(super) fn new(seed: u64, step: usize) -> Self {
        let seed = [seed, step as u64, 0, 0].map(u64::to_le_bytes).concat();
        Self { rng: TestRng::from_seed(RngAlgorithm::ChaCha, &seed), notes: Vec::new() }
    }

    pub(super) fn notes(&self) -> String {
        self.notes.join(", ")
    }

    pub(super) fn note(&mut self, note: impl Into<String>) {
        self.notes.push(note.into());
    }

    pub(super) fn below(&mut self, end: usize) -> usize {
        self.rng.random_range(0..end)
    }

    /// Whether something happens that does so in `percent` of all cases.
    pub(super) fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    /// One of a few values.
    pub(super) fn of<T: Clone + Debug>(&mut self, name: &str, values: &[T]) -> T {
        let place = self.below(values.len());
        let value = values.get(place).cloned().expect("a place among the values");
        self.note(format!("{name} {value:?}"));
        value
    }

    /// The same in `percent` of all cases.
    pub(super) fn maybe<T: Clone + Debug>(&mut self, percent: usize, name: &str, values: &[T]) -> Option<T> {
        self.chance(percent).then(|| self.of(name, values))
    }

    /// How far the clock moves: often not at all, sometimes back.
    pub(super) fn clock_step(&mut self) -> TimeDelta {
        const MILLIS: [i64; 11] = [0, 0, 0, 0, 1, 17, 1_000, 1_200_000, 10_800_000, -1, -7_200_000];
        TimeDelta::milliseconds(self.of("clock", &MILLIS))
    }

    /// A time around `now`; one in twelve is at an end of the calendar.
    pub(super) fn time(&mut self, name: &str, now: DateTime<Utc>) -> DateTime<Utc> {
        const MICROS: [i64; 5] = [0, -3_600_000_000, 3_600_000_000, 400, 1_000];
        match self.below(12) {
            0 => self.of(name, &[DateTime::<Utc>::MIN_UTC, DateTime::<Utc>::MAX_UTC]),
            _ => now + TimeDelta::microseconds(self.of(name, &MICROS)),
        }
    }
}
