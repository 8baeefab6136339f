//! A breaker that tasks share: a request has its place for as long as somebody holds on to it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http::StatusCode;
use tokio::time::Instant;

use super::{Breaker, Permit, Refusal};

/// Who was given less time than this and was late has not failed: scripts may be in a greater hurry than servers can be. Less than what a
/// `listen` step gives unless it says otherwise.
const PATIENCE: Duration = Duration::from_millis(1_500);

/// What a request tells of the server that it was made to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It did what it is for.
    Worked,
    /// It is there, and does not take this request. The next one may be better.
    Reached,
    /// It took longer than it was given, which is its failure if that was time enough.
    Late,
    /// It cannot be reached, breaks off, sends rubbish, or can serve nobody now.
    Failed,
    /// Nothing: what went wrong is ours.
    Nothing,
}

impl Verdict {
    /// Of an answer with a status that is none of success. A status that is about the request says nothing against the server, wrong keys
    /// included: it answers at once, and nobody waits for it.
    pub fn of_status(status: StatusCode) -> Self {
        if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS {
            Self::Failed
        } else {
            Self::Reached
        }
    }
}

/// The breaker of a server. Cheap to clone; clones are the same breaker.
#[derive(Clone, Debug)]
pub struct SharedBreaker(Arc<Mutex<Breaker>>);

impl SharedBreaker {
    /// A closed breaker for at most so many requests at once.
    pub fn new(requests_max: usize) -> Self {
        Self(Arc::new(Mutex::new(Breaker::new(requests_max))))
    }

    /// A place for a request, if one may be made.
    pub fn begin(&self) -> Result<Place, Refusal> {
        let began = Instant::now();
        let permit = self.lock().begin(began.into_std())?;
        Ok(Place { breaker: self.clone(), permit, began })
    }

    /// Requests that have a place.
    pub fn under_way(&self) -> usize {
        self.lock().sessions()
    }

    /// The breaker itself, for sessions that keep their permits. Nobody else has it meanwhile.
    pub fn lock(&self) -> MutexGuard<'_, Breaker> {
        // Each change is complete before anything could panic.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The place of a request, which is free again when this is dropped. Dropped without a verdict, as when the call wants no answer any more, it
/// is neither a success nor a failure.
#[derive(Debug)]
#[must_use]
pub struct Place {
    breaker: SharedBreaker,
    permit: Permit,
    began: Instant,
}

impl Place {
    /// The server begins to answer.
    pub fn reached(&self) {
        self.breaker.lock().reached(self.permit);
    }

    /// The request is over, and this is what it tells.
    pub fn judge(self, verdict: Verdict) {
        let now = Instant::now();
        let mut breaker = self.breaker.lock();
        match verdict {
            Verdict::Worked => breaker.worked(self.permit),
            Verdict::Reached => breaker.reached(self.permit),
            Verdict::Late if now.duration_since(self.began) < PATIENCE => {}
            Verdict::Late | Verdict::Failed => breaker.failed(now.into_std(), self.permit),
            Verdict::Nothing => {}
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.breaker.lock().end(Instant::now().into_std(), self.permit);
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::super::{FAILURES, PAUSE};
    use super::*;

    fn fail(breaker: &SharedBreaker) {
        breaker.begin().expect("a place").judge(Verdict::Failed);
    }

    /// What the next request is told, which then gives its place back.
    fn next(breaker: &SharedBreaker) -> Result<(), Refusal> {
        breaker.begin().map(drop)
    }

    #[tokio::test(start_paused = true)]
    async fn a_place_is_given_back_whatever_comes_of_it() {
        let breaker = SharedBreaker::new(1);
        let verdicts =
            [Verdict::Worked, Verdict::Reached, Verdict::Late, Verdict::Failed, Verdict::Nothing].map(Some);
        for verdict in verdicts.into_iter().chain([None]) {
            let place = breaker.begin().expect("a place");
            assert_eq!((next(&breaker), breaker.under_way()), (Err(Refusal::Full), 1));
            if let Some(verdict) = verdict {
                place.judge(verdict);
            } else {
                drop(place);
            }
            assert_eq!((next(&breaker), breaker.under_way()), (Ok(()), 0), "{verdict:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn only_failures_open_it() {
        let breaker = SharedBreaker::new(10);
        (1..FAILURES).for_each(|_| fail(&breaker));
        for verdict in [Verdict::Reached, Verdict::Late, Verdict::Nothing] {
            (0..FAILURES).for_each(|_| breaker.begin().expect("closed").judge(verdict));
        }
        (0..FAILURES).for_each(|_| drop(breaker.begin().expect("an answer that nobody wants opens nothing")));
        fail(&breaker);
        assert_eq!(next(&breaker), Err(Refusal::Down), "what says nothing forgets nothing either");
        advance(PAUSE).await;
        assert_eq!(next(&breaker), Ok(()));
    }

    #[tokio::test(start_paused = true)]
    async fn who_had_time_enough_and_was_late_has_failed() {
        let breaker = SharedBreaker::new(10);
        for _ in 0..FAILURES {
            let place = breaker.begin().expect("closed");
            advance(PATIENCE).await;
            place.judge(Verdict::Late);
        }
        assert_eq!(next(&breaker), Err(Refusal::Down));
    }

    #[tokio::test(start_paused = true)]
    async fn a_trial_that_is_answered_lets_others_in() {
        let breaker = SharedBreaker::new(10);
        (0..FAILURES).for_each(|_| fail(&breaker));
        advance(PAUSE).await;
        let trial = breaker.begin().expect("a trial");
        assert_eq!(next(&breaker), Err(Refusal::Down));
        trial.reached();
        assert_eq!(next(&breaker), Ok(()), "a long answer keeps nobody waiting");
        trial.judge(Verdict::Failed);
        assert_eq!(next(&breaker), Err(Refusal::Down), "it has proved little");
    }

    #[test]
    fn a_status_about_the_request_says_nothing_against_the_server() {
        let of = |status| Verdict::of_status(StatusCode::from_u16(status).expect("a status"));
        assert!([429, 500, 502, 503, 504].map(of).iter().all(|verdict| *verdict == Verdict::Failed));
        let others = [302, 400, 401, 403, 404, 413, 422].map(of);
        assert!(others.iter().all(|verdict| *verdict == Verdict::Reached));
    }
}
