//! Audio of sentences on disk, each under the hash of what it says.
//!
//! A file is written beside its place and moved there, so that a reader never sees a part, and two writers of the same sentence do no
//! harm. It is linear audio of the telephone's rate, from which each codec's frames are made in a moment; so one file serves them all.
//! When the folder is larger than it may be, the files that were not used for longest go.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use sha2::{Digest, Sha256};

use super::{RATE, SAMPLES_MAX, Saying};

/// First bytes of a file: what it is, and the version of its form.
const MAGIC: &[u8; 8] = b"PEALSAY1";

/// Why a file could not be kept.
#[derive(Debug, thiserror::Error)]
#[error("cannot {action} {path}: {source}")]
pub struct CacheError {
    action: &'static str,
    path: PathBuf,
    source: std::io::Error,
}

/// A folder of audio.
#[derive(Clone, Debug)]
pub struct Cache {
    folder: PathBuf,
    bytes_max: u64,
}

impl Cache {
    /// Opens a folder, making it if need be, that may grow to so many bytes.
    pub fn open(folder: &Path, bytes_max: u64) -> Result<Self, CacheError> {
        fs::create_dir_all(folder).map_err(failed("make", folder))?;
        Ok(Self { folder: folder.to_owned(), bytes_max })
    }

    /// The audio of what `voice` says, if it is there and whole. A file that is neither counts as absent.
    pub fn get(&self, voice: &str, saying: &Saying) -> Option<Vec<i16>> {
        let path = self.path(voice, saying);
        let bytes = fs::read(&path).ok()?;
        let audio = bytes.strip_prefix(MAGIC)?;
        if audio.len() % 2 != 0 || audio.len() / 2 > SAMPLES_MAX {
            return None;
        }
        // Used: it stays. A folder that cannot be written still serves.
        let _ = fs::File::options()
            .append(true)
            .open(&path)
            .and_then(|file| file.set_modified(SystemTime::now()));
        Some(audio.chunks_exact(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]])).collect())
    }

    /// Keeps the audio of what `voice` says.
    pub fn put(&self, voice: &str, saying: &Saying, samples: &[i16]) -> Result<(), CacheError> {
        let path = self.path(voice, saying);
        let folder = path.parent().expect("a file of the cache is in a folder of it");
        fs::create_dir_all(folder).map_err(failed("make", folder))?;
        let new = path.with_extension(format!("{}.new", std::process::id()));
        let write = || {
            let mut file = fs::File::create(&new)?;
            file.write_all(MAGIC)?;
            let bytes: Vec<u8> = samples.iter().flat_map(|sample| sample.to_le_bytes()).collect();
            file.write_all(&bytes)?;
            fs::rename(&new, &path)
        };
        write().map_err(|source| {
            let _ = fs::remove_file(&new);
            CacheError { action: "write", path: path.clone(), source }
        })
    }

    /// Removes what was not used for longest until the folder is as small as it should be. Gives how many files went.
    pub fn trim(&self) -> Result<usize, CacheError> {
        let mut files = Vec::new();
        let mut bytes = 0;
        for folder in fs::read_dir(&self.folder).map_err(failed("read", &self.folder))?.flatten() {
            let Ok(entries) = fs::read_dir(folder.path()) else { continue };
            for entry in entries.flatten() {
                let Ok(meta) = entry.metadata() else { continue };
                bytes += meta.len();
                files.push((meta.modified().unwrap_or(SystemTime::UNIX_EPOCH), meta.len(), entry.path()));
            }
        }
        files.sort_unstable();
        let mut gone = 0;
        for (_, len, path) in files {
            if bytes <= self.bytes_max {
                break;
            }
            fs::remove_file(&path).map_err(failed("remove", &path))?;
            bytes -= len;
            gone += 1;
        }
        Ok(gone)
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
        for bytes in [&b""[..], b"PEALSAY", b"PEALSAY1\x01", b"something else"] {
            fs::write(&path, bytes).expect("written");
            assert_eq!(cache.get("v", &saying("x")), None, "{bytes:?}");
        }
        cache.put("v", &saying("x"), &[5; 10]).expect("kept");
        assert!(cache.get("v", &saying("x")).is_some());
    }

    #[test]
    fn what_was_not_used_for_longest_goes() {
        let (_folder, cache) = cache(3_000);
        for n in 0..4 {
            cache.put("v", &saying(&n.to_string()), &[0; 500]).expect("kept");
            let age = std::time::Duration::from_secs(1_000 - n * 100);
            let file = fs::File::options()
                .append(true)
                .open(cache.path("v", &saying(&n.to_string())))
                .expect("there");
            file.set_modified(SystemTime::now() - age).expect("set");
        }
        cache.get("v", &saying("0")).expect("there");
        assert_eq!(cache.trim().expect("trimmed"), 2);
        let left: Vec<_> = (0..4).filter(|n| cache.get("v", &saying(&n.to_string())).is_some()).collect();
        assert_eq!(left, [0, 3]);
    }

    #[test]
    fn a_folder_that_cannot_be_made_is_told() {
        let error = Cache::open(Path::new("/dev/null/cache"), 1).expect_err("no folder");
        assert!(error.to_string().contains("/dev/null/cache"), "{error}");
    }
}
