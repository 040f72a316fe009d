//! The forwarding table as a command line shows it, with what of it could not be read.

use std::collections::BTreeSet;

use super::error::SwitchError;
use super::switch::Switch;
use crate::switch::model::mac_format::parse_mac;
use crate::switch::model::port::LearnedMac;
use crate::switch::profile::ssh::fill::Vars;
use crate::switch::ssh::{Record, unread_macs};
use crate::types::PortName;

/// The whole table.
#[derive(Debug, Default)]
pub(in crate::switch) struct ShownTable {
    /// What was learned, and the port as it is shown.
    entries: Vec<(LearnedMac, String)>,
    /// Lines with a MAC address that the profile does not read.
    unread: Vec<String>,
    /// Aggregates and their members; `None` if the profile cannot show them.
    aggregates: Option<Vec<(String, String)>>,
    /// Why there is nothing at all.
    why: Option<String>,
}

impl ShownTable {
    /// What is learned on a port, and on the aggregate it is a member of.
    pub(in crate::switch) fn on(
        &self,
        switch: &Switch,
        port: &str,
    ) -> Result<Vec<LearnedMac>, String> {
        if let Some(why) = &self.why {
            return Err(why.clone());
        }
        let same = |a: &str, b: &str| switch.target().same_port(a, b);
        let known = self.aggregates.iter().flatten();
        let above = known.filter(|(_, member)| same(member, port));
        let names: Vec<&str> = above.map(|(a, _)| a.as_str()).chain([port]).collect();
        let is_on = |shown: &str| names.iter().any(|n| same(n, shown));
        let words = |line: &str| line.split_whitespace().any(is_on);
        if let Some(line) = self.unread.iter().find(|l| words(l)) {
            return Err(format!(
                "the profile does not read the line `{}`",
                line.trim()
            ));
        }
        let here = self.entries.iter().filter(|(_, shown)| is_on(shown));
        let found: BTreeSet<LearnedMac> = here.map(|(l, _)| l.clone()).collect();
        if found.is_empty() {
            if let (true, Some(line)) = (self.entries.is_empty(), self.unread.first()) {
                return Err(format!(
                    "the profile reads none of the {} lines of the table (the first is `{}`)",
                    self.unread.len(),
                    line.trim()
                ));
            }
            let bundled = self
                .entries
                .iter()
                .find(|(_, p)| PortName::new(p).is_aggregate());
            if let (None, Some((_, name))) = (&self.aggregates, bundled) {
                return Err(format!(
                    "the table has entries on {name}, and the profile cannot show which ports that is made of ([ssh.show.aggregates])"
                ));
            }
        }
        Ok(found.into_iter().collect())
    }
}

impl Switch {
    /// The table, as far as it can be read.
    ///
    /// # Errors
    /// The switch does not answer. A refusal, or a layout that is not known, is in the table.
    pub(in crate::switch) async fn shown_table(&self) -> Result<ShownTable, SwitchError> {
        let cli = self.cli()?;
        let none = |why: String| ShownTable {
            why: Some(why),
            ..ShownTable::default()
        };
        let Some(show) = cli.rules().shows.get("macs") else {
            return Ok(none(
                "the profile cannot show the forwarding table ([ssh.show.macs])".to_owned(),
            ));
        };
        let (records, text) = match cli.show_with_text("macs", &Vars::new()).await {
            Ok(shown) => shown,
            Err(e) if e.is_silence() => return Err(e.into()),
            Err(e) => return Ok(none(e.to_string())),
        };
        let entries = records.iter().filter_map(|r| {
            let vlan = r.get("vlan").and_then(|v| v.parse().ok());
            let mac = parse_mac(r.get("mac")?)?;
            Some((LearnedMac { mac, vlan }, r.get("port")?.clone()))
        });
        Ok(ShownTable {
            entries: entries.collect(),
            unread: unread_macs(show, &text)
                .into_iter()
                .map(str::to_owned)
                .collect(),
            aggregates: self.shown_aggregates().await,
            why: None,
        })
    }

    /// Aggregates and their members, as the show `aggregates` has them.
    async fn shown_aggregates(&self) -> Option<Vec<(String, String)>> {
        let cli = self.cli_if_any()?;
        cli.rules().shows.get("aggregates")?;
        // A refusal says that there is none: some families have the command only then.
        let records = match cli.show("aggregates", &Vars::new()).await {
            Ok(records) => records,
            Err(e) if e.is_silence() => return None,
            Err(_) => Vec::new(),
        };
        Some(members(&records))
    }
}

/// Aggregates and their members.
fn members(records: &[Record]) -> Vec<(String, String)> {
    let mut out = Vec::new();
    let mut last = None;
    for record in records {
        // A line that goes on has members only.
        last = record.get("aggregate").cloned().or(last);
        let list = record
            .get("members")
            .map(String::as_str)
            .unwrap_or_default();
        let names = member_names(list).into_iter();
        out.extend(names.filter_map(|name| Some((last.clone()?, name))));
    }
    out
}

/// The names in a list such as `Gi1/0/1(P) Gi1/0/2(D)` or `1/1/1 to 1/1/3, 2/1/1`.
fn member_names(list: &str) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    let mut words = list.split([' ', ',', ';', '\t']).filter(|w| !w.is_empty());
    while let Some(word) = words.next() {
        if let ("to", Some(first), Some(last)) = (word, out.last().cloned(), words.clone().next()) {
            let between = number(&first).zip(number(last)).filter(|(a, b)| a.0 == b.0);
            let between = between.map(|((stem, from), (_, to))| (stem, from + 1..to));
            out.extend(
                between
                    .into_iter()
                    .flat_map(|(stem, all)| all.take(MOST).map(move |n| format!("{stem}{n}"))),
            );
            continue;
        }
        let name = word.split('(').next().unwrap_or(word).trim_end_matches('*');
        if !name.is_empty() {
            out.push(name.to_owned());
        }
    }
    out
}

/// Ports of one range at most.
const MOST: usize = 128;

/// A name up to its last number, and that.
fn number(name: &str) -> Option<(&str, usize)> {
    let stem = name.trim_end_matches(|c: char| c.is_ascii_digit());
    Some((stem, name.get(stem.len()..)?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::switch::profile::Profile;
    use crate::switch::recording::Recording;
    use crate::switch::ssh::show::parse;

    fn shown(profile: &str, text: &str) -> Vec<(String, String)> {
        let profile = Profile::find(profile, None).unwrap();
        let records = parse(&profile.cli.as_ref().unwrap().shows["aggregates"], text).unwrap();
        members(&records)
    }

    fn pairs(all: &[(&str, &str)]) -> Vec<(String, String)> {
        all.iter()
            .map(|(a, b)| ((*a).to_owned(), (*b).to_owned()))
            .collect()
    }

    #[test]
    fn the_members_of_aggregates_as_families_show_them() {
        let text = "Group  Port-channel  Protocol    Ports\n------+-------------+-----------+---\n10\tPo10(RU)\t\tLACP\t Te0/0/2(bndl) Te0/0/3(bndl)\n2      Po2(SU)          -        Gi1/0/1(P)  Gi1/0/2(D)\n                                 Gi1/0/3(P)\n";
        let po = [
            ("Po10", "Te0/0/2"),
            ("Po10", "Te0/0/3"),
            ("Po2", "Gi1/0/1"),
            ("Po2", "Gi1/0/2"),
            ("Po2", "Gi1/0/3"),
        ];
        assert_eq!(shown("cisco-ios", text), pairs(&po));
        let text = "1     Po1(SU)     Eth      LACP      Eth1/1(P)    Eth1/2(P)\n";
        assert_eq!(
            shown("cisco-nxos", text),
            pairs(&[("Po1", "Eth1/1"), ("Po1", "Eth1/2")])
        );
        let text = "  Port   | Name          Type       | Group Type    \n  ------ + ------------- ---------- + ----- --------\n  49     | Uplink a      1000LX     | Trk2  LACP    \n";
        assert_eq!(shown("aruba-aos-s", text), pairs(&[("Trk2", "49")]));
        let text = "Eth-Trunk0's state information is:\nWorkingMode: NORMAL         Hash arithmetic: According to SIP-XOR-DIP\nOperate status: up          Number Of Up Port In Trunk: 2\nPortName                      Status      Weight \nGigabitEthernet0/0/27         Up          1      \nGigabitEthernet0/0/28         Up          1      \n";
        let trunk = [
            ("Eth-Trunk0", "GigabitEthernet0/0/27"),
            ("Eth-Trunk0", "GigabitEthernet0/0/28"),
        ];
        assert_eq!(shown("huawei-vrp", text), pairs(&trunk));
        let text = "LAG           Type   Deploy Trunk Primary  Port List\n10G-Lag2      dynamic  Y    5     2/3/1    e 2/3/1 to 2/3/3 \nSW2.XR-SW1A.TEdynamic  Y    1     lg1    e 1/3/1 e 1/3/2 \n";
        let lag = [
            ("2/3/1", "2/3/1"),
            ("2/3/1", "2/3/2"),
            ("2/3/1", "2/3/3"),
            ("lg1", "1/3/1"),
            ("lg1", "e"),
            ("lg1", "1/3/2"),
        ];
        assert_eq!(shown("ruckus-icx", text), pairs(&lag));
    }

    /// The table as a family shows it, with these aggregates.
    fn table(
        profile: &str,
        text: &str,
        aggregates: Option<&[(&str, &str)]>,
    ) -> (Switch, ShownTable) {
        let profile = Profile::find(profile, None).unwrap();
        let show = profile.cli.as_ref().unwrap().shows["macs"].clone();
        let entries = parse(&show, text).unwrap().into_iter().map(|r| {
            let mac = parse_mac(&r["mac"]).unwrap();
            (LearnedMac { mac, vlan: None }, r["port"].clone())
        });
        let table = ShownTable {
            entries: entries.collect(),
            unread: unread_macs(&show, text)
                .into_iter()
                .map(str::to_owned)
                .collect(),
            aggregates: aggregates.map(pairs),
            why: None,
        };
        let recording = Recording::parse("x", "1.3.6.1.2.1.1.5.0|4|x").unwrap();
        (recording.switch("x", profile), table)
    }

    #[test]
    fn short_and_long_names_members_and_lines_that_are_not_read() {
        let vrp = "MAC Address    VLAN/VSI/BD   Learned-From        Type\n----\n\
                   0002-0000-0001 10/-/-        GE0/0/3             dynamic\n\
                   0002-0000-0002 10/-/-        GE0/0/3             dynamic\n\
                   0002-0000-0003 10/-/-        Eth-Trunk1          dynamic\n\
                   0002-0000-0004 10/-/-        GE0/0/9             sticky\n";
        let members = [("Eth-Trunk1", "GigabitEthernet0/0/11")];
        let (switch, shown) = table("huawei-vrp", vrp, Some(&members));
        let on = |port: &str| shown.on(&switch, port).map(|m| m.len());
        assert_eq!(on("GigabitEthernet0/0/3"), Ok(2));
        assert_eq!(on("GigabitEthernet0/0/11"), Ok(1), "a member");
        assert_eq!(on("GigabitEthernet0/0/12"), Ok(0));
        let unread = on("GigabitEthernet0/0/9").unwrap_err();
        assert!(unread.contains("0002-0000-0004"), "{unread}");
        // A layout that is not known is no empty table; nor is one whose aggregates cannot be told apart.
        let (switch, shown) = table("cisco-ios", "0200.0000.0001 is on Gi1/0/1, age 3\n", None);
        let told = shown.on(&switch, "Gi1/0/2").unwrap_err();
        assert!(told.contains("none of the 1 lines"), "{told}");
        let (switch, shown) = table(
            "cisco-ios",
            "  10    0200.0000.0001    DYNAMIC     Po1\n",
            None,
        );
        assert!(shown.on(&switch, "Gi1/0/2").unwrap_err().contains("Po1"));
        let (switch, shown) = table(
            "cisco-ios",
            "  10    0200.0000.0001    DYNAMIC     Gi1/0/1\n",
            None,
        );
        assert_eq!(
            shown.on(&switch, "gigabitethernet 1/0/1").map(|m| m.len()),
            Ok(1)
        );
        assert_eq!(shown.on(&switch, "Gi1/0/2"), Ok(Vec::new()));
    }

    /// Ports of a stack, of older FastIron (slot and port, as ntc-templates has it), and aggregates.
    #[test]
    fn the_table_of_an_icx_is_read_whole() {
        let text = "Total active entries from all ports = 3\n\
                    MAC Address     Port      Age      VLAN    Type\n\n\
                    6cae.8b2d.c979   2/1        0      1000\n\
                    3440.b5be.e3ac   1/1/5      0      1000\n\
                    90e2.ba5a.ab8c   lg1        0      1000\n";
        let (switch, shown) = table("ruckus-icx", text, Some(&[("lg1", "1/3/1")]));
        assert_eq!(shown.unread, Vec::<String>::new());
        for port in ["2/1", "1/1/5", "1/3/1"] {
            assert_eq!(shown.on(&switch, port).map(|m| m.len()), Ok(1), "{port}");
        }
        assert_eq!(shown.on(&switch, "1/1/6"), Ok(Vec::new()));
    }
}
