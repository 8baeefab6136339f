//! The tasks that make up a server, by name. None of them ends while the server runs.

use std::collections::HashMap;

use tokio::task::{Id, JoinError, JoinSet};

#[derive(Default)]
pub(crate) struct Tasks {
    running: JoinSet<Result<(), String>>,
    names: HashMap<Id, &'static str>,
}

impl Tasks {
    /// Runs `task`, which should end only after it was told to.
    pub(crate) fn spawn(
        &mut self,
        name: &'static str,
        task: impl Future<Output = Result<(), String>> + Send + 'static,
    ) {
        self.names.insert(self.running.spawn(task).id(), name);
    }

    /// Waits for the next task that ends and says which it was and why. For ever when there are none left. Loses nothing
    /// when it is dropped half-way.
    pub(crate) async fn ended(&mut self) -> String {
        match self.running.join_next_with_id().await {
            Some(ended) => self.describe(ended),
            None => std::future::pending().await,
        }
    }

    /// Waits until all have ended.
    pub(crate) async fn join(&mut self) {
        while let Some(ended) = self.running.join_next_with_id().await {
            if !matches!(ended, Ok((_, Ok(())))) {
                let why = self.describe(ended);
                tracing::error!(why, "while stopping");
            }
        }
    }

    fn describe(&self, ended: Result<(Id, Result<(), String>), JoinError>) -> String {
        let (id, why) = match ended {
            Ok((id, Ok(()))) => (id, "it returned".to_owned()),
            Ok((id, Err(error))) => (id, error),
            // Its text holds the message of the panic.
            Err(error) => (error.id(), error.to_string()),
        };
        let name = self.names.get(&id).expect("every task has a name");
        format!("{name} ended: {why}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn it_is_said_which_task_ended_and_why() {
        let mut tasks = Tasks::default();
        tasks.spawn("one", std::future::pending());
        tasks.spawn("two", async { Err("the listener is gone".to_owned()) });
        assert_eq!(tasks.ended().await, "two ended: the listener is gone");
        tasks.spawn("three", async { panic!("a bug") });
        let why = tasks.ended().await;
        assert!(why.starts_with("three ended: ") && why.contains("a bug"), "{why}");
    }

    #[tokio::test]
    async fn an_end_is_kept_for_the_next_who_asks() {
        let mut tasks = Tasks::default();
        let (end, told) = tokio::sync::oneshot::channel::<()>();
        tasks.spawn("one", async move { told.await.map_err(|error| error.to_string()) });
        tokio::select! {
            biased;
            _ = tasks.ended() => panic!("nothing has ended"),
            () = std::future::ready(()) => {}
        }
        end.send(()).expect("it waits");
        assert_eq!(tasks.ended().await, "one ended: it returned");
    }
}
