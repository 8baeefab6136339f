//! What was spoken of a model's answers since the callee's last words, with how long each part lasts; so that it is known what was heard
//! when the callee interrupts.

use std::time::Duration;

use super::text;

/// How long the audio of a letter lasts, and of a character that is a word: an estimate, until it has been made.
const LETTER: Duration = Duration::from_millis(65);
const CHARACTER: Duration = Duration::from_millis(220);

/// See the module's text.
#[derive(Clone, Debug, Default)]
pub struct Uttered {
    answers: usize,
    parts: Vec<Part>,
}

#[derive(Clone, Debug)]
struct Part {
    /// Of which answer it is, from 0; `None` for what was no answer.
    answer: Option<usize>,
    text: String,
    lasts: Duration,
}

impl Uttered {
    /// What follows belongs to the next answer.
    pub fn begin_answer(&mut self) {
        self.answers += 1;
    }

    /// A sentence of the answer is being spoken from here on, after what came before.
    pub fn sentence(&mut self, text: &str) {
        self.part(self.answers.checked_sub(1), text);
    }

    /// Something that is no answer, such as a line that asks for patience.
    pub fn aside(&mut self, text: &str) {
        self.part(None, text);
    }

    /// How long the audio of the last part is, now that it is made.
    pub fn is_made(&mut self, lasts: Duration) {
        if let Some(part) = self.parts.last_mut() {
            part.lasts = lasts;
        }
    }

    /// Whether nothing was spoken.
    pub fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }

    /// What was heard of each answer when so much of the audio had been played: whole sentences, and of the one that was cut the words that
    /// had their time.
    pub fn heard(&self, mut played: Duration) -> Vec<String> {
        let mut heard = vec![String::new(); self.answers];
        for part in &self.parts {
            if let Some(answer) = part.answer {
                let share = played.as_secs_f64() / part.lasts.as_secs_f64().max(0.001);
                let text = text::beginning(&part.text, share.min(1.0));
                if !heard[answer].is_empty() && !text.is_empty() {
                    heard[answer].push(' ');
                }
                heard[answer].push_str(text);
            }
            let Some(left) = played.checked_sub(part.lasts) else { break };
            played = left;
        }
        heard
    }

    fn part(&mut self, answer: Option<usize>, text: &str) {
        let lasts = text.chars().map(|sign| if text::stands_alone(sign) { CHARACTER } else { LETTER }).sum();
        self.parts.push(Part { answer, text: text.to_owned(), lasts });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(seconds: f64) -> Duration {
        Duration::from_secs_f64(seconds)
    }

    #[test]
    fn sentences_are_heard_in_their_time() {
        let mut uttered = Uttered::default();
        uttered.aside("One moment, please.");
        uttered.is_made(seconds(1.0));
        uttered.begin_answer();
        uttered.sentence("Let me look.");
        uttered.is_made(seconds(1.0));
        uttered.begin_answer();
        uttered.sentence("It is here.");
        uttered.is_made(seconds(1.0));
        uttered.sentence("Do you want it today or tomorrow?");
        uttered.is_made(seconds(2.0));
        for (played, first, second) in [
            (0.0, "", ""),
            (1.0, "", ""),
            (1.7, "Let me", ""),
            (2.0, "Let me look.", ""),
            (3.0, "Let me look.", "It is here."),
            (4.0, "Let me look.", "It is here. Do you want it"),
            (9.0, "Let me look.", "It is here. Do you want it today or tomorrow?"),
        ] {
            assert_eq!(uttered.heard(seconds(played)), [first, second], "{played}");
        }
    }

    #[test]
    fn a_sentence_that_is_still_being_made_is_estimated() {
        let mut uttered = Uttered::default();
        uttered.begin_answer();
        uttered.sentence("It is a long story, as you will see in a moment.");
        let heard = uttered.heard(seconds(1.5)).concat();
        assert_eq!(heard, "It is a long story, as");
        assert_eq!(Uttered::default().heard(seconds(1.0)), [""; 0]);
    }
}
