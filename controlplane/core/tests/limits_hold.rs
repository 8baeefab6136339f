//! Whatever happens in whatever order, no line has more calls than it may or more starts in any rolling second, no
//! campaign more calls than it may, and no number two calls at once.

mod support;

use std::{
    collections::{BTreeMap, HashMap},
    time::Duration,
};

use common::{AttemptId, CampaignId, E164, LineId, NodeId};
use peal_core::{
    planner::{Drawn, NodeStatus, PlannedOrder, Pressure},
    retry::Settlement,
};
use proptest::prelude::*;
use support::{NODE, World, ready};

#[derive(Clone, Debug)]
enum Step {
    Tick {
        wait_ms: u64,
    },
    /// The n-th open call ends and is released.
    End {
        call: usize,
        retry: bool,
    },
    /// It fails before it rang: another line, please.
    Fail {
        call: usize,
    },
    /// It ends and its release never comes.
    EndUnreleased {
        call: usize,
    },
    NodeComes {
        node: u8,
    },
    NodeGoes {
        node: u8,
    },
    NodeDrains {
        node: u8,
    },
    Limits {
        line: u8,
        max_calls: u32,
        max_cps: u32,
    },
    Rest {
        line: u8,
    },
    Spool {
        pressure: u8,
    },
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => (0u64..600).prop_map(|wait_ms| Step::Tick { wait_ms }),
        6 => (0usize..64, any::<bool>()).prop_map(|(call, retry)| Step::End { call, retry }),
        3 => (0usize..64).prop_map(|call| Step::Fail { call }),
        1 => (0usize..64).prop_map(|call| Step::EndUnreleased { call }),
        1 => (0u8..3).prop_map(|node| Step::NodeComes { node }),
        1 => (0u8..3).prop_map(|node| Step::NodeGoes { node }),
        1 => (0u8..3).prop_map(|node| Step::NodeDrains { node }),
        1 => (1u8..4, 1u32..12, 1u32..30)
            .prop_map(|(line, max_calls, max_cps)| Step::Limits { line, max_calls, max_cps }),
        1 => (1u8..4).prop_map(|line| Step::Rest { line }),
        1 => (0u8..3).prop_map(|pressure| Step::Spool { pressure }),
    ]
}

struct Call {
    attempt: AttemptId,
    route_try: u32,
    line: LineId,
    campaign: CampaignId,
    number: E164,
    over: bool,
}

/// The far end: it counts for itself.
struct Shadow {
    world: World,
    limits: BTreeMap<LineId, (u32, u32)>,
    calls: Vec<Call>,
    starts: HashMap<LineId, Vec<(Duration, u32)>>,
    next_contact: i64,
}

impl Shadow {
    fn new() -> Self {
        let mut world = World::new();
        let mut limits = BTreeMap::new();
        for (line, max_calls, max_cps) in [(1, 10, 20), (2, 6, 10), (3, 4, 5)] {
            world.line(line, max_calls, max_cps, "");
            limits.insert(LineId(line), (max_calls, max_cps));
        }
        world.group(1, &[1, 2]);
        world.group(2, &[2, 3]);
        world.campaign(1, 1, 1, "");
        world.campaign(2, 2, 3, r#","max_concurrent_calls":5"#);
        world.campaign(3, 2, 5, "");
        world.node("0", NODE);
        Self { world, limits, calls: Vec::new(), starts: HashMap::new(), next_contact: 1 }
    }

    fn apply(&mut self, step: Step) -> Result<(), TestCaseError> {
        let now = self.world.now().mono;
        let node = |node: u8| NodeId(node.to_string());
        match step {
            Step::Tick { wait_ms } => {
                self.world.wait_ms(wait_ms);
                self.tick()?;
            }
            Step::End { call, retry } => {
                if let Some(call) = self.open_call(call) {
                    let call = self.calls.swap_remove(call);
                    let at = self.world.now().wall.saturating_add(Duration::from_millis(300));
                    let settlement = if retry { Settlement::RetryDue { at } } else { Settlement::Exhausted };
                    self.world.snapshot.settled(call.attempt, settlement);
                    self.world.snapshot.released(call.attempt, call.route_try);
                    // What is told twice counts once.
                    self.world.snapshot.released(call.attempt, call.route_try);
                }
            }
            Step::Fail { call } => {
                if let Some(call) = self.open_call(call) {
                    let call = self.calls.swap_remove(call);
                    self.world.snapshot.reroute(call.attempt);
                    self.world.snapshot.released(call.attempt, call.route_try);
                }
            }
            Step::EndUnreleased { call } => {
                if let Some(call) = self.open_call(call) {
                    self.calls[call].over = true;
                    self.world.snapshot.settled(self.calls[call].attempt, Settlement::Reached);
                }
            }
            Step::NodeComes { node: n } => self.world.snapshot.node_changed(now, &node(n), NODE),
            Step::NodeGoes { node: n } => self.world.snapshot.node_lost(now, &node(n)),
            Step::NodeDrains { node: n } => {
                self.world.snapshot.node_changed(now, &node(n), NodeStatus { draining: true, ..NODE });
            }
            Step::Limits { line, max_calls, max_cps } => {
                self.world.line(line.into(), max_calls, max_cps, "");
                self.limits.insert(LineId(line.into()), (max_calls, max_cps));
            }
            Step::Rest { line } => {
                self.world.snapshot.rest_line(now, LineId(line.into()), Duration::from_secs(1));
            }
            Step::Spool { pressure } => self.world.snapshot.set_pressure(match pressure {
                0 => Pressure::None,
                1 => Pressure::Slow,
                _ => Pressure::Stop,
            }),
        }
        Ok(())
    }

    fn open_call(&self, call: usize) -> Option<usize> {
        let open: Vec<usize> = (0..self.calls.len()).filter(|&index| !self.calls[index].over).collect();
        (!open.is_empty()).then(|| open[call % open.len()])
    }

    fn tick(&mut self) -> Result<(), TestCaseError> {
        for wanted in self.world.snapshot.wanted(self.world.now().wall) {
            // Campaigns 2 and 3 call the same people.
            let shared = 8_613_000_000_000 + wanted.campaign.0.min(2) as u64 * 1_000_000;
            let contacts = (0..50)
                .map(|n| ready(self.next_contact + n, shared + (self.next_contact + n) as u64 % 40))
                .collect();
            self.next_contact += 50;
            self.world.snapshot.drawn(&wanted, Drawn { contacts, lists_drawn: false, next_due_at: None });
        }
        self.world.snapshot.divide(self.world.now().mono);
        let (plan, attempts) = self.world.tick();
        for no_route in &plan.no_route {
            self.world.snapshot.settled(no_route.attempt, Settlement::Exhausted);
        }
        for (order, attempt) in plan.orders.iter().zip(attempts) {
            self.start(order, attempt)?;
        }
        Ok(())
    }

    fn start(&mut self, order: &PlannedOrder, attempt: AttemptId) -> Result<(), TestCaseError> {
        let (max_calls, max_cps) = self.limits[&order.line];
        let on_line = self.calls.iter().filter(|call| call.line == order.line).count();
        prop_assert!(on_line < max_calls as usize, "line {} has {on_line} of {max_calls}", order.line);

        // A limit that was lowered within the second binds from then on; a raised one does not undo what was.
        let elapsed = self.world.elapsed;
        let starts = self.starts.entry(order.line).or_default();
        let in_window = starts.iter().filter(|(at, _)| elapsed - *at < Duration::from_secs(1)).count();
        prop_assert!(in_window < max_cps as usize, "line {} had {in_window} of {max_cps}/s", order.line);
        starts.push((elapsed, max_cps));

        prop_assert!(
            !self.calls.iter().any(|call| call.number == order.number && call.attempt != attempt),
            "{} is being called",
            order.number
        );
        if order.campaign == CampaignId(2) {
            let calls = self.calls.iter().filter(|call| call.campaign == CampaignId(2)).count();
            prop_assert!(calls < 5, "campaign 2 has {calls}");
        }
        self.calls.push(Call {
            attempt,
            route_try: order.route_try,
            line: order.line,
            campaign: order.campaign,
            number: order.number,
            over: false,
        });
        Ok(())
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn limits_hold(steps in prop::collection::vec(step(), 1..250)) {
        let mut shadow = Shadow::new();
        for step in steps {
            shadow.apply(step)?;
        }
    }
}

#[test]
fn all_slots_come_back() {
    let mut shadow = Shadow::new();
    for _ in 0..200 {
        shadow.apply(Step::Tick { wait_ms: 100 }).expect("limits hold");
        while !shadow.calls.is_empty() {
            shadow.apply(Step::End { call: 0, retry: false }).expect("limits hold");
        }
    }
    assert_eq!(shadow.world.snapshot.open_attempts(), 0);
    assert!(shadow.world.snapshot.line_use(shadow.world.now().mono).all(|line| line.held == 0));
}

#[test]
fn a_slot_whose_release_never_comes_is_free_after_the_longest_life() {
    let mut shadow = Shadow::new();
    shadow.apply(Step::Tick { wait_ms: 100 }).expect("limits hold");
    let calls = shadow.calls.len();
    assert!(calls > 0);
    // 45 s of ringing, 600 s of talking, 64 s for what nobody answers.
    shadow.world.wait_ms(708_999);
    assert_eq!(shadow.world.snapshot.overdue(shadow.world.now().mono), []);
    shadow.world.wait_ms(1);
    assert_eq!(shadow.world.snapshot.overdue(shadow.world.now().mono).len(), calls);
}
