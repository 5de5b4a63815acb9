//! The planted faults and how often each has struck.

use std::sync::{Mutex, PoisonError};

use serde::Serialize;

use super::{
    effect::Stage,
    faults::{Fault, FaultKind},
    hour::Hour,
};

/// A planted fault.
#[derive(Clone, Debug, Serialize)]
pub struct Planted {
    /// What `DELETE /_sim/faults?id=` takes.
    pub id: u64,
    /// Requests that met its conditions.
    pub seen: u64,
    /// How often it struck.
    pub used: u64,
    /// Answers that held rows of hours it touches (for `vanish`).
    pub answered: u64,
    /// The fault as it was planted.
    #[serde(flatten)]
    pub fault: Fault,
}

impl Planted {
    fn is_spent(&self) -> bool {
        let burst = if let FaultKind::Burst504(requests) = self.fault.kind { Some(requests) } else { None };
        self.fault.times.or(burst).is_some_and(|times| self.used >= times)
    }
}

#[derive(Default)]
struct State {
    planted: Vec<Planted>,
    last_id: u64,
}

/// All planted faults, in the order of planting.
#[derive(Default)]
pub struct Board(Mutex<State>);

impl Board {
    /// Plants a fault; a fault that makes no sense is refused with the reason.
    pub fn plant(&self, fault: Fault) -> Result<u64, String> {
        fault.check()?;
        let mut state = self.lock();
        state.last_id += 1;
        let id = state.last_id;
        state.planted.push(Planted { id, seen: 0, used: 0, answered: 0, fault });
        Ok(id)
    }

    /// Removes one fault, or all; says how many were removed.
    pub fn clear(&self, id: Option<u64>) -> usize {
        let mut state = self.lock();
        let before = state.planted.len();
        state.planted.retain(|planted| id.is_some_and(|id| planted.id != id));
        before - state.planted.len()
    }

    pub fn list(&self) -> Vec<Planted> {
        self.lock().planted.clone()
    }

    /// The faults that this request is exposed to; each has now seen one request more.
    pub fn meet(&self, project: u64, first: Hour, last: Hour) -> Vec<Planted> {
        let mut state = self.lock();
        let mut met = Vec::new();
        for planted in &mut state.planted {
            if planted.is_spent() || !planted.fault.meets(project, first, last) {
                continue;
            }
            planted.seen += 1;
            let turn = planted.fault.request.is_none_or(|request| request == planted.seen)
                && planted.fault.every.is_none_or(|every| planted.seen.is_multiple_of(every));
            if turn {
                met.push(planted.clone());
            }
        }
        met
    }

    /// The faults that hide rows of this window, without a request.
    pub fn hiding(&self, project: u64, first: Hour, last: Hour) -> Vec<Planted> {
        let hides = |planted: &&Planted| {
            planted.fault.kind.stage() == Stage::Visible
                && !planted.is_spent()
                && planted.fault.meets(project, first, last)
        };
        self.lock().planted.iter().filter(hides).cloned().collect()
    }

    /// Lets a fault strike; false when another request has used it up in the meantime.
    pub fn strike(&self, id: u64) -> bool {
        let mut state = self.lock();
        let Some(planted) = state.planted.iter_mut().find(|planted| planted.id == id && !planted.is_spent()) else {
            return false;
        };
        planted.used += 1;
        true
    }

    /// Notes an answer that held rows of an hour that this fault touches.
    pub fn count_answer(&self, id: u64) {
        if let Some(planted) = self.lock().planted.iter_mut().find(|planted| planted.id == id) {
            planted.answered += 1;
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
