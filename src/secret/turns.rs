//! Turns at work of which only so much may run at once, shared between two uses.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::timeout;

/// What a turn is for. While both uses wait, they take turns in turn, so neither can keep the other out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Use {
    /// Verifying a login.
    Login,
    /// Hashing a new password.
    NewPassword,
}

/// The turns and those who wait for one.
#[derive(Clone)]
pub(super) struct Turns(Arc<Shared>);

struct Shared {
    at_once: usize,
    queue: usize,
    waiting: Mutex<Waiting>,
}

struct Waiting {
    free: usize,
    logins: VecDeque<oneshot::Sender<Turn>>,
    new_passwords: VecDeque<oneshot::Sender<Turn>>,
    last: Use,
}

/// A turn. It ends when it is dropped.
pub(super) struct Turn(Option<Arc<Shared>>);

impl Turns {
    /// `at_once` turns, and a queue of at most `queue` callers for each use.
    pub(super) fn new(at_once: usize, queue: usize) -> Self {
        let (logins, new_passwords) = (VecDeque::new(), VecDeque::new());
        let waiting = Waiting { free: at_once, logins, new_passwords, last: Use::NewPassword };
        Self(Arc::new(Shared { at_once, queue, waiting: Mutex::new(waiting) }))
    }

    /// Waits for a turn, at most for `wait`. `None` if it did not come in time, or if so many callers came
    /// later that this one had to leave the queue.
    pub(super) async fn take(&self, purpose: Use, wait: Duration) -> Option<Turn> {
        let turn = {
            let mut waiting = self.0.lock();
            if waiting.free > 0 {
                waiting.free -= 1;
                return Some(Turn(Some(self.0.clone())));
            }
            let (sender, turn) = oneshot::channel();
            let queue = waiting.queue(purpose);
            // Callers that have gone away hold no place.
            queue.retain(|waiting| !waiting.is_closed());
            queue.push_back(sender);
            if queue.len() > self.0.queue {
                // Whoever waited longest learns at once that it was for nothing.
                queue.pop_front();
            }
            turn
        };
        timeout(wait, turn).await.ok()?.ok()
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiting {
    fn queue(&mut self, purpose: Use) -> &mut VecDeque<oneshot::Sender<Turn>> {
        match purpose {
            Use::Login => &mut self.logins,
            Use::NewPassword => &mut self.new_passwords,
        }
    }

    /// The next caller: of the use that was not served last, if it waits. In a queue that is longer than
    /// the turns, the newest caller is next: the others have waited in vain for so long that they may have
    /// given up, and in their order everybody would wait that long.
    fn next(&mut self, at_once: usize) -> Option<oneshot::Sender<Turn>> {
        let other = if self.last == Use::Login { Use::NewPassword } else { Use::Login };
        for purpose in [other, self.last] {
            let queue = self.queue(purpose);
            let next = if queue.len() > at_once { queue.pop_back() } else { queue.pop_front() };
            if next.is_some() {
                self.last = purpose;
                return next;
            }
        }
        None
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let Some(shared) = self.0.take() else { return };
        let mut turn = Self(Some(shared.clone()));
        let mut waiting = shared.lock();
        while let Some(next) = waiting.next(shared.at_once) {
            match next.send(turn) {
                Ok(()) => return,
                // That caller has gone away.
                Err(returned) => turn = returned,
            }
        }
        waiting.free += 1;
        // It is free already.
        turn.0 = None;
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;
    use futures_util::future::join_all;

    use super::*;

    const LONG: Duration = Duration::from_secs(3_600);

    /// Lets `names` queue up in their order while the only turn is taken, and gives the order in which they
    /// are served, and those that are not.
    async fn order(queue: usize, names: &[(Use, &'static str)]) -> (Vec<&'static str>, Vec<&'static str>) {
        let turns = Turns::new(1, queue);
        let taken = turns.take(Use::Login, LONG).await.unwrap();
        let served = Mutex::new(Vec::new());
        let callers = names.iter().map(|(purpose, name)| {
            let (turns, served) = (&turns, &served);
            async move {
                match turns.take(*purpose, LONG).await {
                    Some(_turn) => {
                        served.lock().unwrap().push(*name);
                        None
                    }
                    None => Some(*name),
                }
            }
        });
        let all = join_all(callers);
        let mut all = std::pin::pin!(all);
        assert!(all.as_mut().now_or_never().is_none(), "all of them wait");
        drop(taken);
        let refused = all.await.into_iter().flatten().collect();
        let served = served.lock().unwrap().clone();
        (served, refused)
    }

    fn logins<const N: usize>(names: [&'static str; N]) -> [(Use, &'static str); N] {
        names.map(|name| (Use::Login, name))
    }

    #[tokio::test]
    async fn under_overload_the_newest_is_next_and_the_oldest_is_refused() {
        let (served, refused) = order(3, &logins(["a", "b", "c", "d", "e"])).await;
        assert_eq!((served, refused), (vec!["e", "d", "c"], vec!["a", "b"]));
        let (served, refused) = order(3, &logins(["a"])).await;
        assert_eq!((served, refused), (vec!["a"], vec![]));
    }

    #[tokio::test]
    async fn a_short_queue_is_served_in_its_order() {
        let turns = Turns::new(2, 9);
        let taken = [turns.take(Use::Login, LONG).await, turns.take(Use::Login, LONG).await];
        let served = Mutex::new(Vec::new());
        let both = join_all(["a", "b"].map(|name| {
            let (turns, served) = (&turns, &served);
            async move {
                let _turn = turns.take(Use::Login, LONG).await.unwrap();
                served.lock().unwrap().push(name);
            }
        }));
        let mut both = std::pin::pin!(both);
        assert!(both.as_mut().now_or_never().is_none());
        drop(taken);
        both.await;
        assert_eq!(*served.lock().unwrap(), ["a", "b"]);
    }

    #[tokio::test]
    async fn a_crowd_of_logins_leaves_every_second_turn_to_new_passwords() {
        let mut names = logins(["a", "b", "c", "d"]).to_vec();
        names.extend([(Use::NewPassword, "x"), (Use::NewPassword, "y")]);
        let (served, refused) = order(9, &names).await;
        assert_eq!(served, ["d", "y", "c", "x", "b", "a"]);
        assert!(refused.is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn callers_that_have_gone_away_take_neither_places_nor_turns() {
        let turns = Turns::new(1, 2);
        let taken = turns.take(Use::Login, LONG).await.unwrap();
        for _ in 0..9 {
            assert!(turns.take(Use::Login, Duration::from_millis(1)).await.is_none());
        }
        let stays = turns.take(Use::Login, LONG);
        let mut stays = std::pin::pin!(stays);
        assert!(stays.as_mut().now_or_never().is_none());
        assert!(turns.take(Use::Login, Duration::from_millis(1)).await.is_none());
        drop(taken);
        drop(stays.await.unwrap());
        assert!(turns.take(Use::NewPassword, Duration::ZERO).await.is_some(), "the turn is free again");
    }

    #[tokio::test]
    async fn a_turn_that_was_given_and_never_fetched_is_free_again() {
        let turns = Turns::new(1, 2);
        let taken = turns.take(Use::Login, LONG).await.unwrap();
        {
            let waits = turns.take(Use::Login, LONG);
            let mut waits = std::pin::pin!(waits);
            assert!(waits.as_mut().now_or_never().is_none());
            drop(taken);
        }
        assert!(turns.take(Use::Login, Duration::ZERO).await.is_some());
    }
}
