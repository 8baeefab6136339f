//! espeak-ng, the voice that needs nobody: a process a sentence, some at a time, and some that wait for theirs.
//!
//! Of the time that a short sentence takes, four fifths go into starting the program and loading its voice. So processes are started ahead,
//! and wait for their text.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::process::Stdio;
use std::sync::{Mutex, PoisonError};
use std::thread::{self, ThreadId};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, Command};
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::reader::{AudioReader, Form};
use super::{Delivery, Saying, SpeechError, Voice};

/// How long a sentence may take. It usually takes some tens of milliseconds.
const SECONDS_MAX: u64 = 10;
/// How much is read of what it says of an error.
const WORDS_BYTES_MAX: u64 = 1 << 10;

/// The program, and how many of it may run.
#[derive(Debug)]
pub struct Espeak {
    program: String,
    name: String,
    words_a_minute: u32,
    places: Semaphore,
    processes_max: usize,
    /// Those that were begun last are last.
    waiting: Mutex<VecDeque<Waiting>>,
}

/// A process that has its voice, and no text.
#[derive(Debug)]
struct Waiting {
    voice: String,
    /// Its pipes belong to the runtime of this thread, and end with it.
    thread: ThreadId,
    child: Child,
}

impl Espeak {
    /// `program` is run, usually `espeak-ng`. At most so many processes speak at a time, and as many wait for each thread that asks.
    pub fn new(program: &str, words_a_minute: u32, processes_max: usize) -> Self {
        let processes_max = processes_max.max(1);
        Self {
            program: program.to_owned(),
            name: format!("{program} {words_a_minute}"),
            words_a_minute,
            places: Semaphore::new(processes_max),
            processes_max,
            waiting: Mutex::default(),
        }
    }

    async fn run(&self, saying: &Saying, to: &mut Delivery) -> Result<(), SpeechError> {
        let _place = self.places.acquire().await.expect("the semaphore is never closed");
        let voice = voice_of(saying);
        let child = match self.waiting(&voice) {
            Some(child) => child,
            None => self.start(&voice)?,
        };
        let spoken = timeout(Duration::from_secs(SECONDS_MAX), self.listen(child, &saying.text, to))
            .await
            .unwrap_or_else(|_| Err(SpeechError::Slow { who: self.program.clone(), seconds: SECONDS_MAX }));
        if matches!(spoken, Ok(()) | Err(SpeechError::Unwanted)) {
            self.start_ahead(voice);
        }
        spoken
    }

    fn start(&self, voice: &str) -> Result<Child, SpeechError> {
        Command::new(&self.program)
            .args(["--stdout", "--stdin", "-s", &self.words_a_minute.to_string(), "-v", voice])
            // Not as an argument: whom the sentence names is nobody's business who can list processes.
            .stdin(Stdio::piped())
            .stderr(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(|source| self.not_run(source))
    }

    /// One that waits with this voice, if there is one that lives.
    fn waiting(&self, voice: &str) -> Option<Child> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let here = thread::current().id();
        while let Some(at) = waiting.iter().position(|one| one.voice == voice && one.thread == here) {
            let mut child = waiting.remove(at)?.child;
            if matches!(child.try_wait(), Ok(None)) {
                return Some(child);
            }
        }
        None
    }

    /// Has one wait for the next sentence of this voice. Where too many wait for this thread, the one that has waited longest goes.
    fn start_ahead(&self, voice: String) {
        let here = thread::current().id();
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.iter().filter(|one| one.thread == here).count() == self.processes_max
            && let Some(oldest) = waiting.iter().position(|one| one.thread == here)
        {
            waiting.remove(oldest);
        }
        // What hinders it is told when a sentence needs one.
        let Ok(child) = self.start(&voice) else { return };
        waiting.push_back(Waiting { voice, thread: here, child });
    }

    async fn listen(&self, mut child: Child, text: &str, to: &mut Delivery) -> Result<(), SpeechError> {
        // A sentence fits the pipe's buffer. A program that does not take it says why when it ends.
        let _ = child.stdin.take().expect("it is piped").write_all(text.as_bytes()).await;
        let mut output = child.stdout.take().expect("it is piped");
        let complaints = child.stderr.take().expect("it is piped");
        let mut reader = AudioReader::new(Form::Wav);
        let mut buffer = vec![0; 16 << 10];
        let mut read = Ok(());
        while read.is_ok() {
            let count = output.read(&mut buffer).await.map_err(|source| self.not_run(source))?;
            if count == 0 {
                break;
            }
            match reader.read(&buffer[..count]) {
                Ok(samples) => to.push(samples).await?,
                Err(error) => read = Err(error),
            }
        }
        // It may have more to say, and nobody to say it to.
        drop(output);
        let words = words(complaints).await;
        let status = child.wait().await.map_err(|source| self.not_run(source))?;
        let unusable = |problem: String| SpeechError::Unusable { who: self.program.clone(), problem };
        if read.is_ok() && !status.success() {
            return Err(unusable(format!("ended with {status}: {words}")));
        }
        let last = read.and_then(|()| reader.finish()).map_err(|error| unusable(error.to_string()))?;
        to.push(last).await
    }

    fn not_run(&self, source: std::io::Error) -> SpeechError {
        SpeechError::Program { program: self.program.clone(), source }
    }
}

impl Voice for Espeak {
    fn name(&self) -> &str {
        &self.name
    }

    fn speak<'a>(
        &'a self,
        saying: &'a Saying,
        to: &'a mut Delivery,
    ) -> Pin<Box<dyn Future<Output = Result<(), SpeechError>> + Send + 'a>> {
        Box::pin(self.run(saying, to))
    }
}

/// The beginning of what a program complains of.
async fn words(complaints: impl AsyncRead + Unpin) -> String {
    let mut words = Vec::new();
    // What cannot be read is not told.
    let _ = complaints.take(WORDS_BYTES_MAX).read_to_end(&mut words).await;
    String::from_utf8_lossy(&words).trim().chars().take(200).collect()
}

/// The voice as espeak-ng names it: that of the saying, or its language's. Its Mandarin is `cmn`.
fn voice_of(saying: &Saying) -> String {
    if let Some(voice) = &saying.voice {
        return voice.clone();
    }
    let language = saying.language.to_ascii_lowercase();
    match language.split('-').next() {
        Some("zh") => "cmn".to_owned(),
        Some("en") if language == "en" => "en-us".to_owned(),
        _ => language,
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::mpsc;

    use super::*;

    async fn speak(program: &str, text: &str) -> Result<Vec<i16>, SpeechError> {
        let (to, _pieces) = mpsc::channel(64);
        let mut delivery = Delivery::new(to);
        Espeak::new(program, 160, 1).speak(&saying(text), &mut delivery).await.map(|()| delivery.into_whole())
    }

    fn saying(text: &str) -> Saying {
        Saying { text: text.to_owned(), language: "en".to_owned(), voice: None }
    }

    #[tokio::test]
    async fn a_program_that_is_not_there_is_named() {
        let error = speak("no-such-espeak", "Hello.").await.expect_err("not there");
        assert!(error.to_string().contains("no-such-espeak"), "{error}");
    }

    #[tokio::test]
    async fn a_program_that_fails_or_makes_no_audio_is_told() {
        for program in ["false", "true", "echo"] {
            let error = speak(program, "Hello.").await.expect_err("no audio");
            assert!(matches!(&error, SpeechError::Unusable { who, .. } if who == program), "{error}");
        }
    }

    #[tokio::test]
    async fn the_program_speaks() {
        // Installed by `setup/run.sh test`.
        let short = speak("espeak-ng", "Hello.").await.expect("spoken");
        let long = speak("espeak-ng", "Good morning, your order is on its way and will be there at noon.")
            .await
            .expect("spoken");
        let loudest = |samples: &[i16]| samples.iter().map(|sample| sample.unsigned_abs()).max();
        assert!(loudest(&short) > Some(5_000), "{:?}", loudest(&short));
        assert!((2_000..16_000).contains(&short.len()), "{} samples", short.len());
        assert!(long.len() > 3 * short.len(), "{} and {}", long.len(), short.len());
        let chinese = Saying { language: "zh-CN".to_owned(), ..saying("您好") };
        let (to, _pieces) = mpsc::channel(64);
        let mut delivery = Delivery::new(to);
        Espeak::new("espeak-ng", 160, 1).speak(&chinese, &mut delivery).await.expect("spoken");
        assert!(delivery.len() > 2_000);
    }

    #[tokio::test]
    async fn processes_wait_for_their_text_as_many_as_may_run() {
        let espeak = Espeak::new("espeak-ng", 160, 2);
        let waiting = || {
            let waiting = espeak.waiting.lock().expect("not poisoned");
            waiting.iter().map(|one| (one.voice.clone(), one.child.id())).collect::<Vec<_>>()
        };
        let speak = async |language: &str| {
            let (to, _pieces) = mpsc::channel(64);
            let mut delivery = Delivery::new(to);
            let saying = Saying { language: language.to_owned(), ..saying("Hello.") };
            espeak.speak(&saying, &mut delivery).await.map(|()| delivery.into_whole())
        };
        let cold = speak("en").await.expect("spoken");
        let first = waiting();
        assert_eq!(first.len(), 1);
        let warm = speak("en").await.expect("spoken");
        assert!(cold == warm, "one that waited says the same");
        assert!(waiting().len() == 1 && waiting() != first, "it was used, and there is another");

        speak("de").await.expect("spoken");
        speak("fr").await.expect("spoken");
        let voices: Vec<_> = waiting().into_iter().map(|(voice, _)| voice).collect();
        assert_eq!(voices, ["de", "fr"]);

        // What waits for one thread is nothing to another.
        thread::scope(|threads| {
            let other = || {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
                runtime.expect("a runtime").block_on(speak("de")).expect("spoken");
            };
            threads.spawn(other).join().expect("it speaks");
        });
        let voices: Vec<_> = waiting().into_iter().map(|(voice, _)| voice).collect();
        assert_eq!(voices, ["de", "fr", "de"]);
        espeak.waiting.lock().expect("not poisoned").pop_back();

        // One that somebody killed is not asked.
        let mut french = espeak.waiting.lock().expect("not poisoned").pop_back().expect("it waits");
        french.child.kill().await.expect("killed");
        espeak.waiting.lock().expect("not poisoned").push_back(french);
        assert!(speak("fr").await.is_ok_and(|samples| !samples.is_empty()));
    }

    #[tokio::test]
    async fn a_voice_that_it_does_not_have_is_told() {
        let wrong = Saying { voice: Some("nobody".to_owned()), ..saying("Hello.") };
        let (to, _pieces) = mpsc::channel(64);
        let error = Espeak::new("espeak-ng", 160, 1)
            .speak(&wrong, &mut Delivery::new(to))
            .await
            .expect_err("no such voice");
        assert!(
            matches!(&error, SpeechError::Unusable { .. }) && error.to_string().contains("voice"),
            "{error}"
        );
    }

    #[test]
    fn each_language_has_its_voice() {
        let of = |language: &str| voice_of(&Saying { language: language.to_owned(), ..saying("x") });
        assert_eq!([of("zh-CN"), of("en"), of("en-GB"), of("de")], ["cmn", "en-us", "en-gb", "de"]);
        assert_eq!(voice_of(&Saying { voice: Some("f2".into()), ..saying("x") }), "f2");
    }
}
