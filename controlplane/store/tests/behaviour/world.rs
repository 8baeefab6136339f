//! A store in a folder of its own, with a tenant that can dial.

use std::time::Duration;

use common::{
    AttemptId, CampaignId, ContactId, E164, Epoch, LineGroupId, LineId, ListId, NodeId, Outcome, ScriptId,
    TenantId, UnixMicros,
};
use peal_core::{
    import::{GoodRow, Judged},
    model::{CampaignSpec, LineGroupSpec, LineSpec, Move, RetryPolicy, RetryRule},
    retry::Tally,
};
use peal_store::{Acquired, EndFacts, Finished, Intake, Intent, ReadyContact, Released, Store, StoreOptions};

pub const TENANT: TenantId = TenantId(1);
pub const NOW: UnixMicros = UnixMicros(1_800_000_000_000_000);
pub const TTL: Duration = Duration::from_secs(5);

pub struct World {
    pub store: Store,
    pub line: LineId,
    pub line_group: LineGroupId,
    pub script: ScriptId,
    pub epoch: Epoch,
    pub folder: tempfile::TempDir,
    attempts: u64,
}

impl World {
    pub async fn new() -> Self {
        Self::with(|options| options).await
    }

    pub async fn with(change: impl FnOnce(StoreOptions) -> StoreOptions) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let options = change(StoreOptions::new(folder.path().join("peal.db")));
        let store = Store::open(&options).await.expect("a new store");
        let line = store.create_line(TENANT, &line_spec("a")).await.expect("line").id;
        let spec = LineGroupSpec { name: "all".into(), lines: vec![line] };
        let line_group = store.create_line_group(TENANT, &spec).await.expect("group").id;
        let spec = script::read(r#"{"name":"hang up","steps":[{"do":"hang_up"}]}"#).expect("a script");
        let script = store.put_script(TENANT, &spec).await.expect("script").id;
        let epoch = lease(&store, "here", NOW).await;
        Self { store, line, line_group, script, epoch, folder, attempts: 0 }
    }

    /// Opens the file a second time, as a program does that was started again.
    pub async fn reopened(&self) -> Store {
        Store::open(&self.options()).await.expect("an old store")
    }

    pub fn options(&self) -> StoreOptions {
        StoreOptions::new(self.folder.path().join("peal.db"))
    }

    /// A list with these numbers.
    pub async fn list(&self, name: &str, numbers: impl IntoIterator<Item = u64>) -> ListId {
        let list = self.store.create_list(TENANT, name, NOW).await.expect("list").id;
        self.add(list, numbers).await;
        list
    }

    pub async fn add(&self, list: ListId, numbers: impl IntoIterator<Item = u64>) {
        let rows: Vec<Judged> =
            numbers.into_iter().enumerate().map(|(at, n)| row(at as u64 + 2, n)).collect();
        let mut import = self.store.import(list, NOW).await.expect("import");
        import.push(&rows).await.expect("rows");
        import.finish(NOW).await.expect("end of import");
    }

    pub fn spec(&self, name: &str, lists: &[ListId]) -> CampaignSpec {
        let text = format!(
            r#"{{"name":"{name}","lists":[],"line_group":{},"script":{}}}"#,
            self.line_group, self.script
        );
        let mut spec: CampaignSpec = serde_json::from_str(&text).expect("a specification");
        spec.lists = lists.to_vec();
        spec.retry = RetryPolicy {
            max_attempts: 3,
            rules: [(Outcome::Busy, RetryRule { delay_s: 60, max: 5 })].into_iter().collect(),
        };
        spec
    }

    /// A running campaign over these lists.
    pub async fn running(&self, name: &str, lists: &[ListId]) -> CampaignId {
        let spec = self.spec(name, lists);
        let id = self.store.create_campaign(TENANT, &spec, NOW).await.expect("campaign").id;
        for action in [Move::Start, Move::ScheduleReached] {
            self.store.move_campaign(TENANT, id, action).await.expect("a legal move");
        }
        id
    }

    pub fn attempt_id(&mut self) -> AttemptId {
        self.attempts += 1;
        AttemptId::new(NOW.as_millis() as u64 + self.attempts, &[7; 10])
    }

    pub fn intent(&mut self, campaign: CampaignId, ready: &ReadyContact) -> Intent {
        Intent {
            attempt: self.attempt_id(),
            tenant: TENANT,
            campaign,
            list: ready.list,
            contact: ready.contact,
            number: ready.number,
            attempt_no: ready.tally.attempts + 1,
            planned_at: NOW,
            priority: 3,
            script: self.script,
            caller_id: "+8601012345678".into(),
            verdicts: String::new(),
            line: self.line,
            node: NodeId("n1".into()),
            slot_until: NOW.saturating_add(Duration::from_secs(700)),
        }
    }

    /// Draws, and commits an intent for everybody who was drawn.
    pub async fn dial(&mut self, campaign: CampaignId, now: UnixMicros, limit: u32) -> Vec<Intent> {
        let drawn = self.store.draw(campaign, now, limit).await.expect("draw").contacts;
        let intents: Vec<_> = drawn.iter().map(|ready| self.intent(campaign, ready)).collect();
        let committed = self.store.commit_intents(self.epoch, now, &intents).await.expect("commit");
        assert_eq!(committed.refused, [], "everybody who was drawn may be called");
        intents
    }

    /// Ends attempts as the campaign's policy says, and frees their slots.
    pub async fn end(&self, intents: &[Intent], outcome: Outcome, at: UnixMicros) {
        self.store.take_in(&self.ended(intents, outcome, at)).await.expect("intake");
    }

    pub fn ended(&self, intents: &[Intent], outcome: Outcome, at: UnixMicros) -> Intake {
        let policy = self.spec("x", &[]).retry;
        let mut batch = Intake::default();
        for intent in intents {
            let mut tally = Tally { attempts: intent.attempt_no - 1, by_outcome: Default::default() };
            let settlement = tally.settle(&policy, outcome, at);
            batch.finished.push(Finished {
                attempt: intent.attempt,
                route_try: 1,
                outcome,
                at,
                facts: EndFacts { sip_status: 486, ..EndFacts::default() },
                tally,
                settlement,
                goal_reached: None,
            });
            batch.released.push(Released { attempt: intent.attempt, route_try: 1, at });
        }
        batch
    }
}

pub fn line_spec(name: &str) -> LineSpec {
    let text = format!(r#"{{"name":"{name}","address":"127.0.0.1:5070","max_calls":10,"max_cps":5}}"#);
    serde_json::from_str(&text).expect("a specification")
}

pub fn number(n: u64) -> E164 {
    E164::from_u64(8_613_800_000_000 + n).expect("an E.164 number")
}

pub fn row(line: u64, n: u64) -> Judged {
    Ok(GoodRow { line, number: number(n), fields: String::new() })
}

pub fn contacts(drawn: &[ReadyContact]) -> Vec<ContactId> {
    drawn.iter().map(|ready| ready.contact).collect()
}

pub async fn lease(store: &Store, holder: &str, now: UnixMicros) -> Epoch {
    match store.acquire_planner_lease(holder, now, TTL).await.expect("lease") {
        Acquired::Ours(epoch) => epoch,
        Acquired::Theirs(lease) => panic!("{} holds the lease", lease.holder),
    }
}

pub fn after(seconds: u64) -> UnixMicros {
    NOW.saturating_add(Duration::from_secs(seconds))
}
