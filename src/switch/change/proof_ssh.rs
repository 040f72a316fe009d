//! Whether a change over the command line shows as it must.

use std::collections::BTreeSet;

use super::over_snmp::{PAUSE, Read};
use super::over_ssh::CliRun;
use crate::rt::{Instant, sleep_until};
use crate::switch::model::mac_format::parse_mac;
use crate::switch::model::op::Operation;
use crate::switch::profile::ShowRow;
use crate::switch::read::error::SwitchError;
use crate::switch::render::portlist;
use crate::switch::ssh::{Record, vlan_list};

impl CliRun<'_> {
    pub(super) async fn until_proven(&self, rows: &[ShowRow]) -> Read {
        let begun = Instant::now();
        let end = (begun + self.op.settle).min(self.deadline);
        loop {
            let seen = self.look(rows).await;
            let now = Instant::now();
            if matches!(seen, Read::Yes) || now >= end {
                return seen;
            }
            // A part of the time that it has taken so far: what becomes true is noticed soon after, and a switch that
            // takes long is left alone most of the time.
            let pause = ((now - begun) / 8).clamp(PAUSE.0, PAUSE.1);
            sleep_until((now + pause).min(end)).await;
        }
    }

    /// True if what was shown when the port was looked at rules out that all is so already. Only that: what says that
    /// it is so has to be looked at again.
    pub(super) fn is_surely_otherwise(&self, rows: &[ShowRow]) -> bool {
        let Some(record) = &self.shown.record else {
            return false;
        };
        rows.iter()
            .filter(|row| row.show == "port" && !row.absent)
            .any(|row| matches!(self.compare(row, record), Read::No(_)))
    }

    /// One look at all that must be shown.
    pub(super) async fn look(&self, rows: &[ShowRow]) -> Read {
        for row in rows {
            match self.row(row).await {
                Ok(Read::Yes) => {}
                Ok(no) => return no,
                Err(e) => return Read::No(format!("it could not be read back: {e}")),
            }
        }
        Read::Yes
    }

    async fn row(&self, row: &ShowRow) -> Result<Read, SwitchError> {
        let cli = self.switch.cli()?;
        let records = cli.show(&row.show, &self.shown.vars).await?;
        let fits = |r: &&Record| {
            let port = self.request.port.as_deref();
            let named = r
                .get("port")
                .zip(port)
                .is_none_or(|(shown, p)| cli.rules().same_port(p, shown));
            let mac = match self.request.operation {
                Operation::FlushMac(mac, _) => {
                    r.get("mac").is_none_or(|m| parse_mac(m) == Some(mac))
                }
                _ => true,
            };
            named && mac
        };
        let found: Vec<&Record> = records.iter().filter(fits).collect();
        if row.absent {
            return Ok(match found.first() {
                None => Read::Yes,
                Some(_) => Read::No(format!("the show `{}` still has it", row.show)),
            });
        }
        let [record] = found.as_slice() else {
            return Ok(Read::No(format!(
                "the show `{}` has {} records of it, not one",
                row.show,
                found.len()
            )));
        };
        Ok(self.compare(row, record))
    }

    fn compare(&self, row: &ShowRow, record: &Record) -> Read {
        let shown = |field: &str| {
            record
                .get(field)
                .map(String::as_str)
                .unwrap_or_default()
                .trim()
        };
        let fill = |text: &str| self.fill(text);
        for (field, want) in [
            ("admin", &row.admin),
            ("oper", &row.oper),
            ("pvid", &row.pvid),
            ("mode", &row.mode),
        ] {
            let Some(want) = want.as_deref().map(fill) else {
                continue;
            };
            if !shown(field).eq_ignore_ascii_case(&want) {
                return Read::No(format!("`{field}` shows `{}`, not `{want}`", shown(field)));
            }
        }
        // A list that is not there, or cannot be read, proves neither that a VLAN is in it nor that it is not.
        let listed = record.get("tagged").and_then(|t| vlan_list(t));
        let tagged = match listed {
            Some(tagged) => tagged,
            None if row.tagged.is_none() && row.not_tagged.is_none() => BTreeSet::new(),
            None => {
                return Read::No(format!(
                    "`tagged` shows `{}`, which is no list of VLANs",
                    shown("tagged")
                ));
            }
        };
        for (want, there) in [(&row.tagged, true), (&row.not_tagged, false)] {
            let Some(want) = want.as_deref().map(fill) else {
                continue;
            };
            let vlan: Option<u16> = want.parse().ok();
            if vlan.is_none_or(|v| tagged.contains(&v) != there) {
                let not = if there { "without" } else { "still with" };
                return Read::No(format!(
                    "`tagged` shows `{}`, {not} {want}",
                    shown("tagged")
                ));
            }
        }
        let touched = row.tagged.is_some() || row.not_tagged.is_some();
        match self.other_vlans(&tagged).filter(|_| touched) {
            Some(other) => Read::No(format!("`tagged` shows `{}`: {other}", shown("tagged"))),
            None => Read::Yes,
        }
    }

    /// How the VLANs of a trunk that the operation is not about differ from before, in words: a command that replaces
    /// the list instead of adding to it darkens them, or lets them out of a port that was not to have them.
    fn other_vlans(&self, now: &BTreeSet<u16>) -> Option<String> {
        let operation = self.request.operation;
        if !matches!(
            operation,
            Operation::TrunkAllow(_) | Operation::TrunkRemove(_)
        ) {
            return None;
        }
        let before = self.shown.before.tagged.as_ref()?;
        let own = operation.vlan().map(|v| v.0);
        let only_in = |a: &BTreeSet<u16>, b: &BTreeSet<u16>| {
            let vlans = a.difference(b).filter(|v| Some(**v) != own);
            portlist::ranges(&vlans.copied().map(u32::from).collect())
        };
        match (only_in(before, now), only_in(now, before)) {
            (lost, _) if !lost.is_empty() => Some(format!("VLAN {lost} was there before")),
            (_, new) if !new.is_empty() => Some(format!("VLAN {new} was not there before")),
            _ => None,
        }
    }

    pub(super) fn fill(&self, text: &str) -> String {
        let number = |n: Option<u16>| n.map_or(String::new(), |n| n.to_string());
        let new = self.request.operation.vlan().map(|v| v.0);
        text.replace("{new}", &number(new))
            .replace("{vlan}", &number(new))
            .replace("{old}", &number(self.shown.old.first().copied()))
    }
}
