//! What a switch's command line tells of a port: protections, whether it may be configured.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::lines::{Lines, Verdict};
use super::objects;
use super::said::{Arp, Said, any_inspected};
use crate::rt;
use crate::switch::profile::ssh::fill::Vars;
use crate::switch::profile::ssh::rules::{Layout, Show};
use crate::switch::read::switch::Switch;
use crate::switch::read::table::PortRow;
use crate::switch::ssh::{Cli, CliError, Record, vlan_list};

/// Packets per second above which Cisco IOS err-disables an untrusted port, unless it is configured otherwise.
const ARP_RATE: u32 = 15;

/// The protections that a show may tell beside ARP inspection.
const NAMES: [&str; 3] = ["source_guard", "port_security", "dot1x"];

/// What the shows `protections`, `protections_...` and `protections_vlan` said.
#[derive(Default)]
pub(super) struct Shown {
    said: BTreeMap<&'static str, Said>,
    arp: Arp,
}

impl Shown {
    /// What was said of a protection; `None` if no show tells of it.
    pub(super) fn say(&self, what: &str) -> Option<Said> {
        self.said.get(what).cloned()
    }

    /// What was said of ARP inspection; `None` if no show tells of it.
    pub(super) fn arp(&self) -> Option<Arp> {
        Some(&self.arp)
            .filter(|arp| **arp != Arp::default())
            .cloned()
    }
}

/// True if a show can tell a field at all: of one that it cannot, a missing word says nothing.
fn tells(show: &Show, field: &str) -> bool {
    let read = match &show.layout {
        Layout::Row(row) => row.capture_names().flatten().any(|n| n == field),
        Layout::Fields(fields) => fields.contains_key(field),
        Layout::Json { fields, .. } => fields.contains_key(field),
        Layout::Raw => false,
    };
    read || show
        .map
        .values()
        .flat_map(|m| m.values())
        .any(|set| set.contains_key(field))
}

/// What a show says of a field: its word, or why there is none.
type Word = Result<String, String>;

/// The word for `field` in the records of a show, as far as they are about this port. `absent` is what its absence
/// means in a configuration that is shown whole.
fn word(records: &[&Record], field: &str, absent: Option<&str>) -> Word {
    let [first, ..] = records else {
        return Err("the command line does not show this port".into());
    };
    let words: BTreeSet<&str> = (records.iter())
        .filter_map(|r| r.get(field).map(String::as_str))
        .collect();
    match words.first() {
        Some(_) if words.contains("on") => return Ok("on".to_owned()),
        Some(_) if words.len() > 1 => {
            let words: Vec<&str> = words.into_iter().collect();
            return Ok(words.join(", "));
        }
        Some(word) => return Ok((*word).to_owned()),
        None => {}
    }
    match (first.get("inherits"), absent) {
        (Some(from), _) => Err(format!(
            "`{from}` may say it, and what is in that is not shown"
        )),
        (None, Some(absent)) => Ok(absent.to_owned()),
        (None, None) => Err("the command line does not say".into()),
    }
}

fn said(word: Word) -> Said {
    match word.as_deref() {
        Ok("on") => Said::On("is on".into()),
        Ok("off") => Said::Off("is off".into()),
        Ok(odd) => Said::Not(format!(
            "the command line shows `{odd}`, which the profile does not explain"
        )),
        Err(why) => Said::Not(why.to_owned()),
    }
}

fn arp_of(word: Word) -> Arp {
    let mut arp = Arp::default();
    match word.as_deref() {
        Ok("trusted") => arp.trusted = Some(true),
        Ok("untrusted") => arp.trusted = Some(false),
        Ok("on") => (arp.inspected, arp.trusted) = (Some(true), Some(false)),
        Ok("off") => arp.inspected = Some(false),
        Ok(odd) => {
            arp.why = Some(format!(
                "the command line shows `{odd}`, which the profile does not explain"
            ));
        }
        Err(why) => arp.why = Some(why.to_owned()),
    }
    arp
}

pub(super) async fn protections(switch: &Switch, row: &PortRow) -> Shown {
    let mut out = Shown::default();
    let Some(cli) = switch.cli_if_any() else {
        return out;
    };
    let vars = Vars::new().port(&row.if_name);
    let mut unreadable = false;
    for (name, show) in &cli.rules().shows {
        let whole = name == "protections";
        if name == "protections_vlan" || !(whole || name.starts_with("protections_")) {
            continue;
        }
        let read = match cli.show(name, &vars).await {
            Ok(records) => Ok(records),
            Err(e) => Err(e.to_string()),
        };
        let one = matches!(show.layout, Layout::Fields(_));
        let here = |r: &&Record| {
            r.get("port")
                .is_some_and(|p| one || cli.rules().same_port(&row.if_name, p))
        };
        let of = |field: &str, absent: Option<&str>| match &read {
            Ok(records) => {
                let records: Vec<&Record> = records.iter().filter(here).collect();
                word(&records, field, absent)
            }
            Err(why) => Err(why.clone()),
        };
        for what in NAMES.into_iter().filter(|n| tells(show, n)) {
            let new = said(of(what, whole.then_some("off")));
            let known = match out.said.remove(what) {
                Some(old) => old.and(new),
                None => new,
            };
            out.said.insert(what, known);
        }
        if tells(show, "arp_inspection") {
            unreadable |= !matches!(&read, Ok(records) if records.iter().any(|r| here(&r)));
            let mut new = arp_of(of("arp_inspection", whole.then_some("untrusted")));
            let rate = |field: &str| of(field, None).ok().map(|rate| rate.parse().ok());
            new.rate = match (rate("arp_limit"), rate("arp_rate")) {
                (Some(limit), _) | (None, Some(limit)) => limit,
                // In a configuration it is missing where it is as the switch came.
                (None, None) => {
                    (whole && read.is_ok() && tells(show, "arp_rate")).then_some(ARP_RATE)
                }
            };
            out.arp = std::mem::take(&mut out.arp).and(new);
        }
    }
    // What a switch says of its VLANs is not believed where it does not even show the port.
    if !unreadable && cli.rules().shows.contains_key("protections_vlan") {
        out.arp = std::mem::take(&mut out.arp).and(inspected(cli, row).await);
    }
    out
}

/// Whether the VLANs of the port are inspected.
async fn inspected(cli: &Cli, row: &PortRow) -> Arp {
    let (vlans, all) = objects::vlans(row);
    let mut arp = Arp::default();
    let mut each = vec![if all { Some(false) } else { None }];
    for vlan in &vlans {
        let vars = Vars::new().port(&row.if_name).with("vlan", *vlan);
        match cli.show("protections_vlan", &vars).await {
            Ok(records) => each.push(any_inspected(
                records.iter().filter_map(|r| of_vlan(r, *vlan)),
            )),
            Err(e) => {
                each.push(None);
                arp.why = Some(e.to_string());
                break;
            }
        }
    }
    arp.inspected = any_inspected(each).filter(|_| !vlans.is_empty());
    arp
}

/// What a record says of a VLAN: it is about this one, or lists those that are inspected. `None` if it is about
/// another; `Some(None)` if it cannot be read.
fn of_vlan(record: &Record, vlan: u32) -> Option<Option<bool>> {
    let on = match record.get("arp_inspection").map(String::as_str) {
        Some("on") => Some(true),
        Some("off") => Some(false),
        _ => None,
    };
    match (record.get("vlan"), record.get("arp_vlans")) {
        (Some(shown), _) => match shown.parse::<u32>() {
            Ok(shown) if shown == vlan => Some(on),
            _ => None,
        },
        (None, Some(_)) if on == Some(false) => Some(Some(false)),
        (None, Some(list)) => {
            Some(vlan_list(list).and_then(|l| u16::try_from(vlan).ok().map(|v| l.contains(&v))))
        }
        (None, None) => Some(on.filter(|on| !on)),
    }
}

/// The mode of the command line in which a port is shut; `None` where commands go out one by one.
pub(super) fn writing_mode(switch: &Switch) -> Option<&str> {
    let op = switch.profile().ssh_ops.get("port-off")?;
    op.mode.as_deref()
}

/// Enters that mode and leaves it: nothing is written, and it is known whether we may.
pub(super) async fn may_configure(switch: &Switch, mode: &str, lines: &mut Lines<'_>) {
    let Some(cli) = switch.cli_if_any() else {
        return;
    };
    let writer = switch.writer().await;
    let mut done = cli.visit(mode).await;
    if matches!(done, Err(CliError::Busy { .. })) {
        rt::sleep(Duration::from_secs(1)).await;
        done = cli.visit(mode).await;
    }
    drop(writer);
    match done {
        Ok(()) => lines.add(
            "may-write",
            Verdict::Ok,
            format!("mode `{mode}` was entered and left over SSH; no command was sent in it"),
            "",
        ),
        Err(e) => lines.add(
            "may-write",
            Verdict::Failed,
            e.to_string(),
            "give this user the right to configure ports, and `enable-file` where the switch asks for a second password",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(fields: &[(&str, &str)]) -> Record {
        (fields.iter())
            .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
            .collect()
    }

    #[test]
    fn a_missing_word_is_off_only_in_a_configuration_that_is_shown_whole() {
        let bare = record(&[("port", "1")]);
        assert_eq!(word(&[&bare], "dot1x", Some("off")), Ok("off".into()));
        assert!(word(&[&bare], "dot1x", None).is_err());
        assert!(word(&[], "dot1x", Some("off")).is_err());
        let more = record(&[("port", "1"), ("inherits", "source template X")]);
        let why = word(&[&more], "dot1x", Some("off")).unwrap_err();
        assert!(why.contains("source template X"), "{why}");
    }

    #[test]
    fn a_port_that_has_it_in_one_record_of_several_has_it() {
        let (off, on) = (record(&[("dot1x", "off")]), record(&[("dot1x", "on")]));
        assert_eq!(word(&[&off, &on], "dot1x", None), Ok("on".into()));
        assert_eq!(said(Ok("on".into())), Said::On("is on".into()));
    }

    #[test]
    fn a_word_that_the_profile_does_not_explain_is_not_known() {
        assert!(matches!(said(Ok("Maybe".into())), Said::Not(w) if w.contains("`Maybe`")));
        assert!(matches!(said(Err("refused".into())), Said::Not(w) if w == "refused"));
        let arp = arp_of(Ok("Maybe".into()));
        assert_eq!((arp.inspected, arp.trusted), (None, None));
        assert!(arp.why.is_some());
    }

    #[test]
    fn a_vlan_is_told_by_its_own_record_or_by_a_list() {
        let own = record(&[("vlan", "10"), ("arp_inspection", "on")]);
        assert_eq!(of_vlan(&own, 10), Some(Some(true)));
        assert_eq!(of_vlan(&own, 11), None);
        let list = record(&[("arp_vlans", "1-4,10")]);
        assert_eq!(of_vlan(&list, 10), Some(Some(true)));
        assert_eq!(of_vlan(&list, 11), Some(Some(false)));
        let odd = record(&[("arp_vlans", "some")]);
        assert_eq!(of_vlan(&odd, 10), Some(None));
        let off = record(&[("arp_vlans", "1-4"), ("arp_inspection", "off")]);
        assert_eq!(of_vlan(&off, 1), Some(Some(false)));
        assert_eq!(of_vlan(&record(&[("arp_inspection", "on")]), 1), Some(None));
    }
}
