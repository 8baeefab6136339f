//! How long the store takes for what a large campaign asks of it: an import of a million rows, then draws, intents and
//! ends in batches as a planner makes them.
//!
//! `cargo run --release -p peal-store --example measure [rows] [folder]`

use std::time::{Duration, Instant};

use common::{AttemptId, CampaignId, E164, Epoch, NodeId, Outcome, TenantId, UnixMicros};
use peal_core::{
    import::{GoodRow, Judged},
    model::{CampaignSpec, LineGroupSpec, LineSpec, Move},
    retry::{Settlement, Tally},
};
use peal_store::{
    Acquired, EndFacts, Finished, Intake, Intent, NodeSeq, Released, Stage, StageNote, Store, StoreOptions,
};

const TENANT: TenantId = TenantId(1);
const NOW: UnixMicros = UnixMicros(1_800_000_000_000_000);

type Failure = Box<dyn std::error::Error>;

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let mut arguments = std::env::args().skip(1);
    let rows: u64 = arguments.next().map_or(Ok(1_000_000), |text| text.parse())?;
    let folder = arguments.next().map_or_else(std::env::temp_dir, Into::into);
    let path = folder.join(format!("peal-store-measure-{}.db", std::process::id()));
    let store = Store::open(&StoreOptions::new(&path)).await?;

    let (campaign, epoch) = import(&store, rows).await?;
    let size = std::fs::metadata(&path)?.len();
    println!("file: {} MiB", size >> 20);
    dial(&store, campaign, epoch).await?;

    store.close().await;
    for suffix in ["", "-wal", "-shm"] {
        let mut name = path.clone().into_os_string();
        name.push(suffix);
        // The last two are gone already when all went well.
        std::fs::remove_file(name).ok();
    }
    Ok(())
}

async fn import(store: &Store, rows: u64) -> Result<(CampaignId, Epoch), Failure> {
    let list = store.create_list(TENANT, "measure", NOW).await?.id;
    let mut import = store.import(list, NOW).await?;
    let begun = Instant::now();
    let mut longest = Duration::ZERO;
    for from in (0..rows).step_by(20_000) {
        // Numbers in no order, one in fifty a duplicate, as exports of customer databases are.
        let chunk: Vec<Judged> = (from..rows.min(from + 20_000))
            .map(|i| {
                let n = (i - i % 50 / 49).wrapping_mul(7_368_787) % 1_000_000_007;
                let number = E164::from_u64(8_613_000_000_000 + n).expect("an E.164 number");
                Ok(GoodRow { line: i + 2, number, fields: r#"{"name":"somebody"}"#.to_owned() })
            })
            .collect();
        let pushed = Instant::now();
        import.push(&chunk).await?;
        longest = longest.max(pushed.elapsed());
    }
    let report = import.finish(NOW).await?;
    println!(
        "import: {} rows ({} duplicates) in {:.2?}, longest push of 20,000 {longest:.0?}",
        report.rows,
        report.duplicates,
        begun.elapsed()
    );

    let line: LineSpec =
        serde_json::from_str(r#"{"name":"a","address":"127.0.0.1","max_calls":9,"max_cps":9}"#)?;
    let line = store.create_line(TENANT, &line).await?.id;
    let spec = LineGroupSpec { name: "g".into(), lines: vec![line] };
    let line_group = store.create_line_group(TENANT, &spec).await?.id;
    let spec = script::read(r#"{"name":"s","steps":[{"do":"hang_up"}]}"#).expect("a script");
    let script = store.put_script(TENANT, &spec).await?.id;
    let text = format!(r#"{{"name":"c","lists":[{list}],"line_group":{line_group},"script":{script}}}"#);
    let spec: CampaignSpec = serde_json::from_str(&text)?;
    let campaign = store.create_campaign(TENANT, &spec, NOW).await?.id;
    for action in [Move::Start, Move::ScheduleReached] {
        store.move_campaign(TENANT, campaign, action).await?;
    }
    match store.acquire_planner_lease("measure", NOW, Duration::from_secs(5)).await? {
        Acquired::Ours(epoch) => Ok((campaign, epoch)),
        Acquired::Theirs(lease) => Err(format!("{} holds the lease", lease.holder).into()),
    }
}

async fn dial(store: &Store, campaign: CampaignId, epoch: Epoch) -> Result<(), Failure> {
    let (mut drawing, mut committing, mut taking) = (Duration::ZERO, Duration::ZERO, Duration::ZERO);
    let (mut batches, mut attempts, mut seq) = (0, 0u64, 0);
    for _ in 0..5 {
        let began = Instant::now();
        let drawn = store.draw(campaign, NOW, 4_096).await?.contacts;
        drawing += began.elapsed();
        for batch in drawn.chunks(100) {
            let intents: Vec<Intent> = batch
                .iter()
                .map(|ready| {
                    attempts += 1;
                    Intent {
                        attempt: AttemptId::new(1_800_000_000_000 + attempts, &[1; 10]),
                        tenant: TENANT,
                        campaign,
                        list: ready.list,
                        contact: ready.contact,
                        number: ready.number,
                        attempt_no: 1,
                        planned_at: NOW,
                        priority: 3,
                        script: common::ScriptId(1),
                        caller_id: "+861012345678".into(),
                        verdicts: String::new(),
                        line: common::LineId(1),
                        node: NodeId("n1".into()),
                        slot_until: NOW,
                    }
                })
                .collect();
            let began = Instant::now();
            store.commit_intents(epoch, NOW, &intents).await?;
            committing += began.elapsed();
            seq += 1;
            let batch = events(&intents, seq);
            let began = Instant::now();
            let taken = store.take_in(&batch).await?;
            taking += began.elapsed();
            assert_eq!(taken.finished.len(), intents.len());
            batches += 1;
        }
    }
    let each = |all: Duration| all / batches;
    println!("draw: {:.1?} for 4,096 contacts", drawing / 5);
    println!("commit of 100 intents: {:.2?}", each(committing));
    println!("intake of 100 attempts (3 stages, end, release each): {:.2?}", each(taking));
    println!("in all: {:.0?} per attempt", (drawing + committing + taking) / attempts as u32);
    Ok(())
}

fn events(intents: &[Intent], seq: u64) -> Intake {
    let mut batch = Intake {
        node_seq: Some(NodeSeq { node: NodeId("n1".into()), boot: vec![1], seq }),
        ..Intake::default()
    };
    for intent in intents {
        let attempt = intent.attempt;
        for stage in [Stage::Invited, Stage::Ringing, Stage::Answered] {
            batch.stages.push(StageNote { attempt, route_try: 1, stage, at: NOW });
        }
        batch.finished.push(Finished {
            attempt,
            route_try: 1,
            outcome: Outcome::Answered,
            at: NOW,
            facts: EndFacts { sip_status: 200, codec: "PCMA".into(), ..EndFacts::default() },
            tally: Tally { attempts: 1, by_outcome: [(Outcome::Answered, 1)].into_iter().collect() },
            settlement: Settlement::Reached,
            goal_reached: None,
        });
        batch.released.push(Released { attempt, route_try: 1, at: NOW });
    }
    batch
}
