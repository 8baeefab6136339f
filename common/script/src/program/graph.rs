//! Whether each step can be reached, leads to an end, and waits for something on the way.

use super::{Node, Op, Target};
use crate::check::Faults;

pub(super) fn check(steps: &[Node], faults: &mut Faults) {
    let targets: Vec<Vec<Target>> = steps.iter().map(targets).collect();
    let reached =
        reach(steps.len(), [0], |index| targets[index].iter().flatten().map(|to| to.0.into()).collect());
    // Backwards from those that may end the call.
    let mut from: Vec<Vec<usize>> = vec![Vec::new(); steps.len()];
    for (index, to) in targets.iter().enumerate() {
        to.iter().flatten().for_each(|to| from[usize::from(to.0)].push(index));
    }
    let ends = (0..steps.len()).filter(|index| targets[*index].contains(&None));
    let ending = reach(steps.len(), ends, |index| from[index].clone());
    for (index, node) in steps.iter().enumerate() {
        faults.at(format!("steps[{index}] ({})", node.name));
        if !reached[index] {
            faults.add("", "no step leads here: name it in the `next` of one, or take it out");
        } else if !ending[index] {
            faults.add("", "leads in a circle with no way out: let one of its steps lead on, or hang up");
        }
    }
    if let Some(index) = restless(steps, &targets) {
        faults.at(format!("steps[{index}] ({})", steps[index].name));
        faults.add("", "leads back to itself without waiting for anything: the call would do nothing else");
    }
}

/// Every step that `node` may lead to; `None` is the end of the call.
fn targets(node: &Node) -> Vec<Target> {
    match &node.op {
        Op::Speak { .. }
        | Op::Collect(_)
        | Op::Set(_)
        | Op::Record(_)
        | Op::OptOut
        | Op::LeaveMessage { .. }
        | Op::Wait(_) => {
            vec![node.next]
        }
        Op::Listen(listen) => {
            let mut to: Vec<_> = listen.intents.iter().map(|(_, to)| *to).collect();
            let takes_anything = listen.intents.is_empty() && listen.expect.is_none();
            if takes_anything || listen.expect.is_some() {
                to.push(node.next);
            }
            if !takes_anything {
                to.push(listen.no_match.to);
            }
            to.extend([listen.no_input.to, listen.hold, listen.gone]);
            to
        }
        Op::Converse(converse) => {
            let tools = converse.tools.iter().map(|(_, to)| *to);
            tools.chain([converse.listen.no_input.to, converse.listen.gone, converse.over]).collect()
        }
        Op::Bot(bot) => vec![bot.over, bot.failed],
        Op::Menu(menu) => {
            menu.keys.iter().map(|(_, to)| *to).chain([menu.no_input.to, menu.no_match.to]).collect()
        }
        Op::Branch(ways) => ways.iter().map(|(_, to)| *to).chain([node.next]).collect(),
        Op::Http(http) => vec![node.next, http.failed],
        // What a server answers with ends in the end of the call.
        Op::Webhook(webhook) => vec![webhook.failed, None],
        Op::Transfer(transfer) => vec![transfer.failed, None],
        Op::HangUp { .. } => vec![None],
    }
}

/// Which of `count` can be reached from `starts`.
fn reach(
    count: usize,
    starts: impl IntoIterator<Item = usize>,
    to: impl Fn(usize) -> Vec<usize>,
) -> Vec<bool> {
    let mut reached = vec![false; count];
    let mut open: Vec<usize> = starts.into_iter().collect();
    while let Some(index) = open.pop() {
        if !std::mem::replace(&mut reached[index], true) {
            open.extend(to(index));
        }
    }
    reached
}

/// A step of a circle in which nobody waits, if there is one.
fn restless(steps: &[Node], targets: &[Vec<Target>]) -> Option<usize> {
    let is_instant =
        |index: usize| matches!(steps[index].op, Op::Set(_) | Op::Branch(_) | Op::Record(_) | Op::OptOut);
    let instant_targets = |index: usize| -> Vec<usize> {
        let to = targets[index].iter().flatten().map(|to| usize::from(to.0));
        to.filter(|to| is_instant(*to)).collect()
    };
    (0..steps.len())
        .filter(|index| is_instant(*index))
        .find(|index| reach(steps.len(), instant_targets(*index), instant_targets)[*index])
}
