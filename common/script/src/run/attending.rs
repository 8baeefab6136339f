//! Calls that a voice bot has: what it is told, and where it leads.

use std::time::Instant;

use common::digits::Digit;

use super::{Action, Run, State};
use crate::program::{Bot, Op};
use crate::template::Escape;

/// A bot that is to have the call, and what it may know of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attend {
    /// The bot, as the configuration names it; the only one there is when absent.
    pub bot: Option<String>,
    /// What the script gives along, by name.
    pub parameters: Vec<(String, String)>,
    /// BCP 47.
    pub language: String,
}

impl Run {
    pub(super) fn begin_bot(&mut self, now: Instant, bot: &Bot) {
        let parameters = bot.parameters.iter();
        self.actions.push_back(Action::Attach(Box::new(Attend {
            bot: bot.bot.clone(),
            parameters: parameters
                .map(|(name, text)| (name.clone(), self.render_for(text, Escape::Line)))
                .collect(),
            language: self.program.language.clone(),
        })));
        self.state = State::Attended { until: now + bot.time_max };
    }

    /// A key that was pressed while the bot has the call is the bot's, and no later step's.
    pub(super) fn tell_bot(&mut self, digit: Digit) {
        self.actions.push_back(Action::TellKey(digit));
    }

    /// The bot has closed the connection (`failed` unset), or is gone.
    pub(super) fn on_bot_gone(&mut self, now: Instant, failed: bool) {
        let program = self.program.clone();
        let Op::Bot(bot) = &program.steps[usize::from(self.step.0)].op else { return };
        if !matches!(self.state, State::Attended { .. }) {
            return;
        }
        if failed {
            self.set_built_in("error", "bot");
        }
        self.enter(now, if failed { bot.failed } else { bot.over });
    }

    /// The bot's time is over.
    pub(super) fn take_from_bot(&mut self, now: Instant) {
        self.actions.push_back(Action::Detach);
        if let Op::Bot(bot) = &self.node().op {
            let over = bot.over;
            self.enter(now, over);
        }
    }
}
