//! What lies around the tables: the settings, the overflow, what people keep, and the file log of a lake on one machine.

use std::path::Path as FilePath;

use object_store::ObjectMeta;
use weir_core::event::{envelope, frame};
use weir_core::ports::ShardId;
use weir_core::time::rfc3339;

use super::{Examiner, Finding, Severity, counted};
use crate::error::LakeError;
use crate::file_log::{FileLog, SHARD};
use crate::names;
use crate::overflow::Overflow;
use crate::settings::Settings;

/// The overflow is landed every few seconds, where anything lands. What waits longer waits for somebody, in milliseconds.
const PATIENCE_MS: i64 = 10 * 60 * 1000;
/// So many waiting records are opened.
const OPENED: usize = 1_000;

impl Examiner<'_> {
    pub(super) async fn around(&mut self) {
        if let Err(error) = Settings::newest(self.store).await {
            self.findings.push(Finding {
                severity: Severity::Error,
                code: "settings_unreadable",
                object: names::all_settings().to_string(),
                found: error.to_string(),
                means:
                    "nothing starts that needs keys, privacy rules or a plan; what runs goes on with what it has read"
                        .to_owned(),
                remedy: "do what the message says".to_owned(),
                mend: None,
            });
        }
        if let Err(error) = self.overflow().await {
            self.store_failed(names::overflow().as_ref(), &error);
        }
        if let Err(error) = self.saved().await {
            self.store_failed("saved", &error);
        }
        if let Some(directory) = self.store.directory() {
            self.file_log(&directory.join(names::FILE_LOG));
        }
    }

    async fn overflow(&mut self) -> Result<(), LakeError> {
        let objects = self.store.list_first(&names::overflow(), None, usize::MAX).await?;
        let is_waiting = |object: &&ObjectMeta| names::overflow_number(&object.location).is_some();
        let (waiting, aside): (Vec<_>, Vec<_>) = objects.iter().partition(is_waiting);
        self.expect(waiting.len().min(OPENED) as u64);
        if let Some(oldest) = waiting.iter().map(|object| object.last_modified.timestamp_millis()).min() {
            let waits_long = oldest < self.clock.now_ms().saturating_sub(PATIENCE_MS);
            let bytes: u64 = waiting.iter().map(|object| object.size).sum();
            self.findings.push(Finding {
                severity: if waits_long { Severity::Warning } else { Severity::Note },
                code: "overflow_waiting",
                object: names::overflow().to_string(),
                found: format!(
                    "{} of {bytes} bytes, the oldest of {}",
                    counted(waiting.len() as u64, "record"),
                    rfc3339(oldest)
                ),
                means: "their events are acknowledged and safe, and not counted yet".to_owned(),
                remedy: "see that `weir dev` or the compactor of the lake runs: it lands them".to_owned(),
                mend: None,
            });
        }
        let overflow = Overflow::new(self.store);
        for object in waiting.iter().take(OPENED) {
            let Some(number) = names::overflow_number(&object.location) else { continue };
            if let Some(problem) = overflow.get(number).await?.and_then(|record| unreadable(&record)) {
                self.findings.push(Finding {
                    severity: Severity::Error,
                    code: "overflow_unreadable",
                    object: object.location.to_string(),
                    found: problem,
                    means: "events of it that cannot be read are not counted; the next landing sets it aside"
                        .to_owned(),
                    remedy: "restore it from a backup, or have its events sent again".to_owned(),
                    mend: None,
                });
            }
            self.step();
        }
        for object in aside {
            self.findings.push(Finding {
                severity: Severity::Warning,
                code: "overflow_unreadable",
                object: object.location.to_string(),
                found: format!("a landing could not read all of it, and kept its {} bytes here", object.size),
                means: "events of it that could not be read are not counted".to_owned(),
                remedy: "have its events sent again, or restore it from a backup; then delete it".to_owned(),
                mend: None,
            });
        }
        Ok(())
    }

    fn file_log(&mut self, log: &FilePath) {
        let landed = self.positions.get(&ShardId(SHARD.to_owned())).cloned();
        let object = log.display().to_string();
        let mut finding = |severity, code, found: String, means: &str, remedy: &str| {
            let (means, remedy) = (means.to_owned(), remedy.to_owned());
            self.findings.push(Finding { severity, code, object: object.clone(), found, means, remedy, mend: None });
        };
        match (FileLog::peek_end(log), landed) {
            (Err(error), _) => finding(
                Severity::Error,
                "log_damaged",
                error.to_string(),
                "`weir dev` may not start, and events that were acknowledged and not landed yet may be in it",
                "do what the message says",
            ),
            (Ok(None), Some(landed)) => finding(
                Severity::Warning,
                "log_lost",
                format!("the lake has landed a log up to {landed}, and there is no log"),
                "what was acknowledged and not landed yet when it went is lost; what was landed is safe",
                "bring the log back if there is a copy that is not older; else `weir dev` begins a new one",
            ),
            (Ok(end), Some(landed)) if end.as_ref() < Some(&landed) => finding(
                Severity::Error,
                "log_behind",
                format!(
                    "it ends at {}, and the lake has landed up to {landed}",
                    end.map_or(0, |end| end.as_u64().unwrap_or(0))
                ),
                "it is another log, or an old copy of this one: `weir dev` does not start with it",
                "put the right one back, or move this one away to begin anew",
            ),
            (Ok(Some(end)), landed) if Some(&end) > landed.as_ref() => finding(
                Severity::Note,
                "log_waits",
                format!(
                    "it ends at {end}, and the lake has landed up to {}",
                    landed.map_or_else(|| "nothing".to_owned(), |l| l.to_string())
                ),
                "the events in between are acknowledged and safe, and not counted yet",
                "run `weir dev`: it lands them",
            ),
            _ => {}
        }
        let torn = std::fs::read_dir(log).into_iter().flatten().flatten().map(|entry| entry.path());
        let mut torn: Vec<_> = torn.filter(|path| path.extension().is_some_and(|end| end == "torn")).collect();
        torn.sort();
        for path in torn {
            let bytes = path.metadata().map_or(0, |metadata| metadata.len());
            self.findings.push(Finding {
                severity: Severity::Warning,
                code: "torn_log",
                object: path.display().to_string(),
                found: format!("{bytes} bytes that were cut off the end of the log when it was opened"),
                means:
                    "a write that was cut short, which nobody was told is stored; only damage to the very last write \
                        looks the same"
                        .to_owned(),
                remedy: "look at it if events are missed; then delete it".to_owned(),
                mend: None,
            });
        }
    }
}

/// What is wrong with a record; one of a newer weir is none.
fn unreadable(record: &[u8]) -> Option<String> {
    let text = match envelope::unpack(record) {
        Ok(text) => text,
        Err(error) => return Some(error.to_string()),
    };
    match frame::open(&text) {
        Ok((header, lines)) => frame::entries(&header, lines).find_map(Result::err).map(|error| error.to_string()),
        Err(frame::FrameError::Version { .. }) => None,
        Err(error) => Some(error.to_string()),
    }
}
