//! Audio of sentences on disk, each under the hash of what it says.
//!
//! A file is written beside its place and moved there, so that a reader never sees a part, and two writers of the same sentence do no
//! harm. It is linear audio of the telephone's rate, from which each codec's frames are made in a moment; so one file serves them all.
//!
//! When the files are more than they may be, those that were not used for longest go, until an eighth of the room is free: so the folder
//! is read rarely. What is written while they go comes on top, at most a sentence of every writer. Counted are the lengths of the files,
//! not what the file system takes beside; of other processes that write there it is known what the folder held when it was last read.

use std::fs;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use sha2::{Digest, Sha256};

use super::{RATE, SAMPLES_MAX, Saying};

/// First bytes of a file: what it is, and the version of its form.
const MAGIC: &[u8; 8] = b"PEALSAY2";
/// After them, in eight bytes, least first: how many samples follow.
const HEAD_BYTES: usize = MAGIC.len() + size_of::<u64>();

/// Why a file could not be kept.
#[derive(Debug, thiserror::Error)]
#[error("cannot {action} {path}: {source}")]
pub struct CacheError {
    action: &'static str,
    path: PathBuf,
    source: std::io::Error,
}

/// A folder of audio. Cheap to clone; clones count together.
#[derive(Clone, Debug)]
pub struct Cache {
    folder: PathBuf,
    bytes_max: u64,
    room: Arc<Room>,
}

/// What is known of the size of a folder.
#[derive(Debug, Default)]
struct Room {
    bytes: AtomicU64,
    /// Held by whoever makes room, with the bytes at which it is made next.
    trim_at: Mutex<u64>,
}

impl Cache {
    /// Opens a folder, making it if need be, that may grow to so many bytes.
    pub fn open(folder: &Path, bytes_max: u64) -> Result<Self, CacheError> {
        fs::create_dir_all(folder).map_err(failed("make", folder))?;
        let cache = Self { folder: folder.to_owned(), bytes_max, room: Arc::default() };
        cache.make_room()?;
        Ok(cache)
    }

    /// The audio of what `voice` says, if it is there and whole. A file that is neither counts as absent.
    pub fn get(&self, voice: &str, saying: &Saying) -> Option<Vec<i16>> {
        let path = self.path(voice, saying);
        let bytes = fs::read(&path).ok()?;
        let audio = audio(&bytes)?;
        // Used: it stays. A folder that cannot be written still serves.
        let _ = fs::File::options()
            .append(true)
            .open(&path)
            .and_then(|file| file.set_modified(SystemTime::now()));
        Some(audio.chunks_exact(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]])).collect())
    }

    /// Keeps the audio of what `voice` says, and makes room when there is too much. No audio at all is not kept.
    pub fn put(&self, voice: &str, saying: &Saying, samples: &[i16]) -> Result<(), CacheError> {
        if samples.is_empty() {
            return Ok(());
        }
        let path = self.path(voice, saying);
        let folder = path.parent().expect("a file of the cache is in a folder of it");
        fs::create_dir_all(folder).map_err(failed("make", folder))?;
        let mut bytes = Vec::with_capacity(HEAD_BYTES + size_of_val(samples));
        bytes.extend_from_slice(MAGIC);
        bytes.extend_from_slice(&(samples.len() as u64).to_le_bytes());
        bytes.extend(samples.iter().flat_map(|sample| sample.to_le_bytes()));
        let new = new_name(&path);
        let write = || {
            fs::File::create_new(&new)?.write_all(&bytes)?;
            fs::rename(&new, &path)
        };
        write().map_err(|source| {
            let _ = fs::remove_file(&new);
            CacheError { action: "write", path: path.clone(), source }
        })?;
        self.room.bytes.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        self.make_room()
    }

    /// Removes what was not used for longest, if there is too much and nobody else does it already.
    fn make_room(&self) -> Result<(), CacheError> {
        // One that panicked has left it as it was.
        let Ok(mut trim_at) = self.room.trim_at.try_lock() else { return Ok(()) };
        if self.room.bytes.load(Ordering::Relaxed) < *trim_at {
            return Ok(());
        }
        // What is written from here on may be counted twice, and never not at all.
        self.room.bytes.store(0, Ordering::Relaxed);
        let mut files = self.files()?;
        let mut left: u64 = files.iter().map(|(_, len, _)| len).sum();
        let mut result = Ok(());
        let spare = self.bytes_max / 8;
        if left > self.bytes_max {
            files.sort_unstable();
            for (_, len, path) in files {
                if left <= self.bytes_max - spare {
                    break;
                }
                match fs::remove_file(&path) {
                    Err(error) if error.kind() != ErrorKind::NotFound => {
                        result = Err(failed("remove", &path)(error));
                    }
                    Ok(()) | Err(_) => left -= len,
                }
            }
        }
        self.room.bytes.fetch_add(left, Ordering::Relaxed);
        // What cannot be removed is not tried anew with every sentence.
        *trim_at = self.bytes_max.max(left + spare) + 1;
        result
    }

    /// All files, with when they were used and how long they are.
    fn files(&self) -> Result<Vec<(SystemTime, u64, PathBuf)>, CacheError> {
        let mut files = Vec::new();
        for folder in fs::read_dir(&self.folder).map_err(failed("read", &self.folder))?.flatten() {
            let Ok(entries) = fs::read_dir(folder.path()) else { continue };
            for entry in entries.flatten() {
                let Ok(meta) = entry.metadata() else { continue };
                files.push((meta.modified().unwrap_or(SystemTime::UNIX_EPOCH), meta.len(), entry.path()));
            }
        }
        Ok(files)
    }

    /// The parts are told apart by their lengths, so that no two sayings have the same name.
    fn path(&self, voice: &str, saying: &Saying) -> PathBuf {
        let mut hash = Sha256::new();
        hash.update(RATE.to_le_bytes());
        for part in [voice, &saying.language, saying.voice.as_deref().unwrap_or_default(), &saying.text] {
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part);
        }
        let name: String = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        self.folder.join(&name[..2]).join(&name[2..])
    }
}

/// The audio of a file, if it is one of these and whole.
fn audio(bytes: &[u8]) -> Option<&[u8]> {
    let (samples, audio) = bytes.strip_prefix(MAGIC)?.split_first_chunk()?;
    let samples = usize::try_from(u64::from_le_bytes(*samples)).ok()?;
    ((1..=SAMPLES_MAX).contains(&samples) && audio.len() == samples * size_of::<i16>()).then_some(audio)
}

/// A name beside that of a file, which no other writer of this or another process has.
fn new_name(path: &Path) -> PathBuf {
    static WRITES: AtomicU64 = AtomicU64::new(0);
    let write = WRITES.fetch_add(1, Ordering::Relaxed);
    // Processes in containers have the same numbers.
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    path.with_extension(format!("{}-{}-{write}.new", std::process::id(), since.as_nanos()))
}

fn failed(action: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> CacheError {
    let path = path.to_owned();
    move |source| CacheError { action, path, source }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn saying(text: &str) -> Saying {
        Saying { text: text.to_owned(), language: "en".to_owned(), voice: None }
    }

    fn cache(bytes_max: u64) -> (tempfile::TempDir, Cache) {
        let folder = tempfile::tempdir().expect("a folder");
        let cache = Cache::open(folder.path(), bytes_max).expect("opens");
        (folder, cache)
    }

    #[test]
    fn what_was_kept_comes_back() {
        let (_folder, cache) = cache(1 << 20);
        assert_eq!(cache.get("espeak", &saying("Hello.")), None);
        cache.put("espeak", &saying("Hello."), &[1, -2, 3]).expect("kept");
        assert_eq!(cache.get("espeak", &saying("Hello.")), Some(vec![1, -2, 3]));
        assert_eq!(cache.get("other", &saying("Hello.")), None);
        assert_eq!(cache.get("espeak", &Saying { voice: Some("f1".into()), ..saying("Hello.") }), None);
        assert_eq!(
            cache.get("espeake", &Saying { language: "n".into(), ..saying("Hello.") }),
            None,
            "parts do not run together"
        );
    }

    #[test]
    fn a_broken_file_is_made_anew() {
        let (_folder, cache) = cache(1 << 20);
        let path = cache.path("v", &saying("x"));
        cache.put("v", &saying("x"), &[5; 10]).expect("kept");
        let whole = fs::read(&path).expect("there");
        let half = &whole[..whole.len() - 10];
        let long = [whole.clone(), vec![0; 2]].concat();
        let none = [&MAGIC[..], &[0; 8]].concat();
        for bytes in [
            &b""[..],
            b"PEALSAY",
            b"PEALSAY1\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a",
            b"something else",
            half,
            &long,
            &none,
        ] {
            fs::write(&path, bytes).expect("written");
            assert_eq!(cache.get("v", &saying("x")), None, "{bytes:?}");
        }
        cache.put("v", &saying("x"), &[5; 10]).expect("kept");
        assert!(cache.get("v", &saying("x")).is_some());
    }

    #[test]
    fn no_audio_is_not_kept() {
        let (_folder, cache) = cache(1 << 20);
        cache.put("v", &saying("x"), &[]).expect("nothing to do");
        assert_eq!(cache.get("v", &saying("x")), None);
    }

    #[test]
    fn writers_of_one_sentence_do_no_harm() {
        let (folder, cache) = cache(1 << 30);
        std::thread::scope(|scope| {
            for writer in 0..8_i16 {
                let cache = &cache;
                scope.spawn(move || {
                    for round in 0..50 {
                        // Some voices never make the same audio twice.
                        let samples =
                            vec![writer; 20_000 + usize::from(writer.unsigned_abs()) * 1_000 + round];
                        cache.put("v", &saying("x"), &samples).expect("kept");
                        let kept = cache.get("v", &saying("x")).expect("whole");
                        assert!(kept.iter().all(|sample| *sample == kept[0]), "the audio of one writer");
                    }
                });
            }
        });
        let files = Cache::open(folder.path(), 1 << 30).expect("opens").files().expect("read");
        assert_eq!(files.len(), 1, "{files:?}");
    }

    fn used_ago(cache: &Cache, text: &str, seconds: u64) {
        let file = fs::File::options().append(true).open(cache.path("v", &saying(text))).expect("there");
        file.set_modified(SystemTime::now() - std::time::Duration::from_secs(seconds)).expect("set");
    }

    #[test]
    fn what_was_not_used_for_longest_goes() {
        let (folder, cache) = cache(1 << 20);
        for n in 0..4 {
            cache.put("v", &saying(&n.to_string()), &[0; 500]).expect("kept");
            used_ago(&cache, &n.to_string(), 1_000 - n * 100);
        }
        cache.get("v", &saying("0")).expect("there");
        let smaller = Cache::open(folder.path(), 3_000).expect("opens");
        let left: Vec<_> = (0..4).filter(|n| smaller.get("v", &saying(&n.to_string())).is_some()).collect();
        assert_eq!(left, [0, 3]);
    }

    #[test]
    fn what_is_written_stays_within_its_bound() {
        let (_folder, cache) = cache(100_000);
        let bytes = |cache: &Cache| cache.files().expect("read").iter().map(|(_, len, _)| len).sum::<u64>();
        for n in 0..200 {
            cache.put("v", &saying(&n.to_string()), &[0; 500]).expect("kept");
            used_ago(&cache, &n.to_string(), 10_000 - n);
            assert!(bytes(&cache) <= 100_000, "after {n}");
        }
        assert!(bytes(&cache) > 80_000, "no more goes than must");
        assert!(cache.get("v", &saying("199")).is_some() && cache.get("v", &saying("0")).is_none());
    }

    #[test]
    fn a_folder_that_cannot_be_made_is_told() {
        let error = Cache::open(Path::new("/dev/null/cache"), 1).expect_err("no folder");
        assert!(error.to_string().contains("/dev/null/cache"), "{error}");
    }
}
