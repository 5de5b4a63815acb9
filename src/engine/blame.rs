//! Whose fault a failed request is, and what follows: the source backs off, a window is halved, an hour is suspected.

use chrono::TimeDelta;

use super::Engine;
use super::capture::hours_text;
use super::state::{SourceState, Turn};
use super::step::{Loudness, Stage, StepId};
use crate::model::{Fault, FaultKind, Hour, Owner, Pause, SourceName, Window};

/// So many faults of a window of several hours that may be its own, before it is halved.
const STRIKES_MAX: u32 = 2;

impl Engine {
    /// A request that was sent after an hour failed is answered well: the hour was at fault, not the source.
    pub(super) fn blame_suspects(&mut self, turn: &mut Turn, name: &SourceName, asked: StepId, answered: Window) {
        let Some(source) = self.sources.get_mut(name) else { return };
        source.failed_at.retain(|hour, _| !answered.contains(*hour));
        let source = &*source;
        // One that is being asked again is judged by its own answer.
        let is_suspect = |hour: &Hour| {
            source.ledger.work(*hour).is_some_and(|work| work.suspect && work.is_to_be_asked())
                && !answered.contains(*hour)
                && !source.is_capturing(*hour)
                && source.failed_at.get(hour).is_none_or(|failed| asked >= *failed)
        };
        let suspects: Vec<Hour> = source.ledger.worked().iter().copied().filter(is_suspect).collect();
        for hour in suspects {
            let fault = self.sources.get(name).and_then(|source| source.ledger.work(hour)?.last_fault.clone());
            if let Some(fault) = fault {
                self.count_attempt(turn, name, hour, fault);
            }
        }
    }

    pub(super) fn on_capture_fault(
        &mut self,
        turn: &mut Turn,
        name: &SourceName,
        asked: StepId,
        window: Window,
        fault: Fault,
    ) {
        match fault.kind.owner(window.hours()) {
            Owner::Source => self.source_fault(turn, name, window, fault),
            Owner::Window => self.window_too_large(turn, name, asked, window, &fault),
            Owner::Hour if window.hours() == 1 => self.count_attempt(turn, name, window.first(), fault),
            Owner::Hour => self.strike(turn, name, window, &fault),
            Owner::Keys => {
                turn.say(
                    Loudness::Error,
                    Stage::ApiCall,
                    name,
                    window,
                    format!("credentials refused, asking stops: {fault}"),
                );
                let pause = Pause::starting(turn.now, self.policy.retry.max);
                if let Some(source) = self.sources.get_mut(name) {
                    source.keys_refused = Some((pause, fault));
                }
            }
            Owner::Request => {
                turn.say(
                    Loudness::Error,
                    Stage::ApiCall,
                    name,
                    window,
                    format!("Amplitude refuses the request, asking stops: {fault}"),
                );
                if let Some(source) = self.sources.get_mut(name) {
                    // Who reads the request has taken the keys.
                    source.keys_refused = None;
                    source.request_refused = Some(fault);
                }
            }
            Owner::Disk if fault.kind == FaultKind::CaptureLost => {
                turn.say(Loudness::Warn, Stage::ZipFileExtract, name, window, format!("{fault}: asking again"));
            }
            Owner::Disk | Owner::Lake | Owner::Clock => self.disk_fault(turn, name, window, fault),
        }
    }

    pub(super) fn disk_fault(&mut self, turn: &mut Turn, name: &SourceName, hours: Window, fault: Fault) {
        let text = format!("waits for room or for staging: {fault}");
        if self.disk_gate.fault(fault, turn.now, &self.policy.retry, &mut self.random) {
            turn.say(Loudness::Warn, Stage::ApiCall, name, hours, text);
        }
    }

    fn source_fault(&mut self, turn: &mut Turn, name: &SourceName, window: Window, fault: Fault) {
        let may_be_the_hour = !matches!(fault.kind, FaultKind::RateLimited | FaultKind::Connect);
        let alone = (window.hours() == 1 && may_be_the_hour).then(|| window.first());
        let own = alone.filter(|hour| fault.retry_after_seconds.is_none() && self.was_blamed(name, *hour));
        let next_step = StepId(self.next_step);
        let Some(source) = self.sources.get_mut(name) else { return };
        source.faults_here += 1;
        source.last_fault = Some(fault.clone());
        source.failed_at.extend(alone.map(|hour| (hour, next_step)));
        if own.is_none() {
            source.record.faults_in_row = source.record.faults_in_row.saturating_add(1);
            let faults = source.record.faults_in_row;
            let wait = self.policy.retry.source_wait(faults, fault.retry_after_seconds, &mut self.random);
            source.record.not_before = Some(Pause::starting(turn.now, wait));
            if fault.kind == FaultKind::RateLimited {
                source.throttled = SourceState::GOOD_ANSWERS_AFTER_429;
            }
            let text = format!("{fault}; asking again in {}", wait_text(wait));
            turn.say(Loudness::Info, Stage::ApiCall, name, window, text);
            self.put_source(turn, name);
        }
        match alone {
            Some(hour) => self.suspect(turn, name, hour, fault, own.is_some()),
            None if fault.kind == FaultKind::NoFirstByte => self.strike(turn, name, window, &fault),
            None => {}
        }
    }

    /// Whether the source seems to be well and this hour failed alone before while it was: its next failure holds back
    /// the hour, not the source with all others.
    fn was_blamed(&self, name: &SourceName, hour: Hour) -> bool {
        let Some(source) = self.sources.get(name) else { return false };
        source.record.faults_in_row == 0
            && source.ledger.work(hour).is_some_and(|work| {
                work.attempt > 0 && work.last_fault.as_ref().is_some_and(|fault| fault.kind.owner(1) == Owner::Source)
            })
    }

    /// An hour that failed alone, with a wait of its own or with its source's.
    fn suspect(&mut self, turn: &mut Turn, name: &SourceName, hour: Hour, fault: Fault, own_wait: bool) {
        let mut record = self.open_work(name, hour);
        let Some(work) = record.work.as_mut().filter(|work| work.is_to_be_asked()) else { return };
        work.suspect = true;
        if own_wait {
            work.strikes = work.strikes.saturating_add(1);
            let wait = self.policy.retry.back_off(work.attempt.saturating_add(work.strikes), &mut self.random);
            work.not_before = Some(Pause::starting(turn.now, wait));
            let text = format!("{fault}; asking for this hour again in {}", wait_text(wait));
            turn.say(Loudness::Info, Stage::ApiCall, name, hour, text);
        }
        work.last_fault = Some(fault);
        self.put(turn, name, hour, record);
    }

    /// A fault that may be the window's: counted, and after two the window is halved.
    pub(super) fn strike(&mut self, turn: &mut Turn, name: &SourceName, window: Window, fault: &Fault) {
        let mut strikes = 0;
        for hour in window.iter() {
            let mut record = self.open_work(name, hour);
            if let Some(work) = record.work.as_mut() {
                work.strikes += 1;
                work.last_fault = Some(fault.clone());
                strikes = strikes.max(work.strikes);
            }
            self.put(turn, name, hour, record);
        }
        if strikes >= STRIKES_MAX {
            self.halve(turn, name, window, fault);
        } else {
            turn.say(Loudness::Info, Stage::ApiCall, name, window, format!("{fault}; asking once more"));
        }
    }

    /// Amplitude (or the configuration) takes no window of this size: the size that works is remembered.
    fn window_too_large(&mut self, turn: &mut Turn, name: &SourceName, asked: StepId, window: Window, fault: &Fault) {
        if fault.kind == FaultKind::TooLarge {
            self.blame_suspects(turn, name, asked, window);
        }
        if let Some(source) = self.sources.get_mut(name) {
            source.record.window_hours = half(window);
            source.record.window_successes = 0;
            if fault.kind == FaultKind::TooLarge {
                source.record.faults_in_row = 0;
                source.faults_here = 0;
            }
        }
        self.put_source(turn, name);
        self.halve(turn, name, window, fault);
    }

    fn halve(&mut self, turn: &mut Turn, name: &SourceName, window: Window, fault: &Fault) {
        let together = half(window);
        for hour in window.iter() {
            let mut record = self.open_work(name, hour);
            if let Some(work) = record.work.as_mut() {
                work.together = together;
                work.strikes = 0;
                work.last_fault = Some(fault.clone());
            }
            self.put(turn, name, hour, record);
        }
        let why = match fault.kind {
            FaultKind::TooLarge => "too large for Amplitude".to_owned(),
            FaultKind::GatewayTimeout => "too much for Amplitude in one request (504)".to_owned(),
            _ => fault.to_string(),
        };
        let pieces = window.hours().div_ceil(together);
        let text = format!("{why}, split into {pieces} x {}", hours_text(together));
        turn.say(Loudness::Info, Stage::DateRange, name, window, text);
    }
}

fn half(window: Window) -> u32 {
    window.hours().div_ceil(2).max(1)
}

fn wait_text(wait: TimeDelta) -> String {
    let millis = wait.num_milliseconds();
    if millis < 10_000 { format!("{:.1} s", millis as f64 / 1000.0) } else { format!("{} s", millis / 1000) }
}
