//! Writes reports off the fast path, again and again where the disk is full: what happened in the night is read in the
//! morning.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::report::Report;
use crate::rt::{self, Lane};

/// A report that could not be written is tried again after this.
const AGAIN: Duration = Duration::from_secs(5);

/// Where reports go, and how often each was handed over.
pub struct ReportWriter {
    folder: PathBuf,
    newest: Arc<Mutex<BTreeMap<String, u64>>>,
}

impl ReportWriter {
    /// Reports go into `folder`, which is made when it is needed.
    pub fn new(folder: PathBuf) -> Self {
        ReportWriter {
            folder,
            newest: Arc::default(),
        }
    }

    /// Writes `report` until that works, or a newer one of the same takeover or release is to be written.
    pub fn keep(&self, report: Report, lane: &Lane) {
        let name = format!("{}-{}", report.id, report.kind);
        let mine = {
            let mut newest = self.newest.lock().unwrap_or_else(PoisonError::into_inner);
            let n = newest.entry(name.clone()).or_default();
            *n += 1;
            *n
        };
        let (folder, newest, report) = (self.folder.clone(), self.newest.clone(), Arc::new(report));
        let disk = lane.clone();
        lane.spawn(async move {
            let mut told = false;
            loop {
                let (r, folder, newest, name) =
                    (report.clone(), folder.clone(), newest.clone(), name.clone());
                // Looked at and written under one lock: an older one never replaces a newer one.
                let written = disk.spawn_blocking(move || {
                    let newest = newest.lock().unwrap_or_else(PoisonError::into_inner);
                    (newest.get(&name) == Some(&mine)).then(|| r.save(&folder))
                });
                match written.await {
                    Ok(Some(Err(e))) => {
                        if !std::mem::replace(&mut told, true) {
                            tracing::error!(error = %e, "the report could not be written; it is tried again until it works");
                        }
                    }
                    Ok(Some(Ok(())) | None) | Err(_) => return,
                }
                rt::sleep(AGAIN).await;
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(state: &str) -> Report {
        Report {
            id: "cctv-1".to_owned(),
            peer: "cctv".to_owned(),
            vip: "192.168.1.101/24".to_owned(),
            mode: "agentless".to_owned(),
            kind: "takeover".to_owned(),
            written: String::new(),
            state: state.to_owned(),
            verdict: None,
            fence: "proven".to_owned(),
            t0_us: None,
            ms: Vec::new(),
            steps: Vec::new(),
            cameras: serde_json::Value::Null,
        }
    }

    /// Waits until the newest report in `folder` was written in `state`.
    async fn written(folder: &std::path::Path, state: &str) {
        let there = async {
            while Report::load(folder, None).map(|r| r.state).ok().as_deref() != Some(state) {
                rt::sleep(Duration::from_millis(20)).await;
            }
        };
        rt::timeout(AGAIN * 4, there).await.expect("it is written");
    }

    #[tokio::test]
    async fn a_report_is_written_once_there_is_room_and_an_older_one_never_replaces_a_newer_one() {
        let dir = tempfile::tempdir().expect("a folder");
        let folder = dir.path().join("reports");
        // Where the folder should be is a file: nothing can be written, as on a full disk.
        std::fs::write(&folder, "").expect("a file");
        let writer = ReportWriter::new(folder.clone());
        let lane = Lane::current();
        writer.keep(report("halted"), &lane);
        rt::sleep(Duration::from_millis(200)).await;
        writer.keep(report("active"), &lane);
        rt::sleep(Duration::from_millis(200)).await;
        std::fs::remove_file(&folder).expect("room");
        written(&folder, "active").await;
        rt::sleep(AGAIN).await;
        written(&folder, "active").await;
    }
}
