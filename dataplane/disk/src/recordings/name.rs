//! Names of recordings: what a caller may ask for, and which files stand for it.

use std::path::{Component, Path, PathBuf};

use super::RecordingError;

/// What a growing recording is called.
pub(super) const PART_SUFFIX: &str = ".part.wav";

/// Bytes of one part of a path; 255 is what file systems take, less suffixes.
const PART_LEN_MAX: usize = 200;

/// How many recordings of one name there may be.
const SAME_NAME_MAX: u32 = 100;

/// The names a recording with `stem` may have, in the order in which they are tried: growing, and final.
pub(super) fn candidates(
    folder: &Path,
    stem: &str,
) -> Result<impl Iterator<Item = (PathBuf, PathBuf)>, RecordingError> {
    let fits = |component: Component<'_>| match component {
        Component::Normal(part) => part.len() <= PART_LEN_MAX,
        _ => false,
    };
    let plain = !stem.is_empty() && !stem.ends_with('/') && !stem.chars().any(char::is_control);
    if !plain || !Path::new(stem).components().all(fits) {
        return Err(RecordingError::Name(stem.to_owned()));
    }
    Ok(numbered(folder.join(stem)))
}

/// Final names for a file that was growing as `part`.
pub(super) fn finals(part: &Path) -> Option<impl Iterator<Item = PathBuf>> {
    let stem = part.to_str()?.strip_suffix(PART_SUFFIX)?;
    Some(numbered(PathBuf::from(stem)).map(|(_, last)| last))
}

fn numbered(base: PathBuf) -> impl Iterator<Item = (PathBuf, PathBuf)> {
    (0..SAME_NAME_MAX).map(move |n| {
        let with = |suffix: &str| {
            let mut name = base.as_os_str().to_owned();
            if n > 0 {
                name.push(format!("-{n}"));
            }
            name.push(suffix);
            PathBuf::from(name)
        };
        (with(PART_SUFFIX), with(".wav"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stem_stays_in_its_folder() {
        let folder = Path::new("/rec");
        for bad in ["", "/etc/x", "../x", "a/../../x", "a/", "x\0y", "x\ny", &"x".repeat(201)] {
            assert!(candidates(folder, bad).is_err(), "{bad:?}");
        }
        let mut names = candidates(folder, "2026/11/a.b").unwrap();
        assert_eq!(names.next(), Some(("/rec/2026/11/a.b.part.wav".into(), "/rec/2026/11/a.b.wav".into())));
        assert_eq!(names.next().unwrap().1, Path::new("/rec/2026/11/a.b-1.wav"));
        assert_eq!(finals(Path::new("/rec/x.part.wav")).unwrap().next(), Some("/rec/x.wav".into()));
        assert!(finals(Path::new("/rec/x.wav")).is_none());
    }
}
