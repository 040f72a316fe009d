//! Which profile fits a switch, by what it says of itself.

use std::collections::BTreeSet;
use std::path::Path;

use regex::Regex;
use serde::{Deserialize, Serialize};

use super::schema::Identify;
use super::{BUILT_IN, Profile};
use crate::switch::model::port::SystemInfo;
use crate::switch::model::value::Oid;

/// The profile of last resort.
pub const FALLBACK: &str = "generic-qbridge";

/// A profile, and how it was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Fit {
    /// Its name.
    pub profile: String,
    /// True if the switch was recognised; false for the profile of last resort.
    pub recognised: bool,
    /// By what, in words.
    pub why: String,
}

/// The names of all profiles: built in, and in the folder that overrides them; sorted.
pub fn names(folder: Option<&Path>) -> Vec<String> {
    let entries = folder.and_then(|f| std::fs::read_dir(f).ok());
    let own = entries.into_iter().flatten().flatten().filter_map(|e| {
        let name = e.file_name();
        name.to_str()?.strip_suffix(".toml").map(str::to_owned)
    });
    let built_in = BUILT_IN.iter().map(|(name, _)| (*name).to_owned());
    let all: BTreeSet<String> = own.chain(built_in).collect();
    all.into_iter().collect()
}

/// How one family is recognised: the `[identify]` table of its profile, and nothing else of it.
#[derive(Clone, Debug)]
pub struct Marks {
    /// Name of the profile.
    pub name: String,
    /// Prefixes of sysObjectID.
    pub sysobjectid: Vec<Oid>,
    /// What sysDescr must match too.
    pub sysdescr: Option<Regex>,
    /// Prefixes that are another family's too, each with what sysDescr must match there.
    pub also: Vec<(Oid, Regex)>,
}

#[derive(Deserialize)]
struct OnlyIdentify {
    #[serde(default)]
    identify: Identify,
}

impl Marks {
    /// From a profile's text; `None` if it is none. What else is wrong with it is said when it is used.
    fn parse(name: &str, text: &str) -> Option<Marks> {
        let OnlyIdentify { identify } = toml::from_str(text).ok()?;
        let pattern = identify.sysdescr.map(|p| Regex::new(p.get_ref()));
        Some(Marks {
            name: name.to_owned(),
            sysobjectid: identify
                .sysobjectid
                .iter()
                .filter_map(|o| o.get_ref().parse().ok())
                .collect(),
            sysdescr: pattern.transpose().ok()?,
            also: identify
                .also
                .iter()
                .filter_map(|a| {
                    let oid = a.sysobjectid.get_ref().parse().ok()?;
                    Some((oid, Regex::new(a.sysdescr.get_ref()).ok()?))
                })
                .collect(),
        })
    }
}

/// How every family is recognised. The profiles themselves are not read: that takes a hundred times as long.
pub fn all(folder: Option<&Path>) -> Vec<Marks> {
    let text = |name: &str| {
        let own = folder.map(|f| f.join(format!("{name}.toml")));
        own.and_then(|p| std::fs::read_to_string(p).ok())
            .or_else(|| Profile::built_in_text(name).map(str::to_owned))
    };
    names(folder)
        .iter()
        .filter_map(|name| Marks::parse(name, &text(name)?))
        .collect()
}

/// The profile with the longest matching prefix of sysObjectID whose sysDescr pattern matches too; where two are as
/// long, the one with a pattern. The profile of last resort if there is none.
pub fn choose(profiles: &[Marks], system: &SystemInfo) -> Fit {
    let id: Option<Oid> = system.sys_object_id.parse().ok();
    let fits = profiles.iter().filter_map(|p| {
        let described = match &p.sysdescr {
            Some(pattern) => pattern.is_match(&system.sys_descr),
            None => true,
        };
        let id = id.as_ref()?;
        let own = p.sysobjectid.iter().filter(|_| described);
        let own = own.map(|o| (o, p.sysdescr.is_some()));
        let also = p.also.iter().filter(|(_, d)| d.is_match(&system.sys_descr));
        let prefixes = own.chain(also.map(|(o, _)| (o, true)));
        let fitting = prefixes.filter(|(o, _)| id.after(o).is_some());
        let (longest, described) = fitting.max_by_key(|(o, d)| (o.arcs().len(), *d))?;
        Some((longest.arcs().len(), described, longest, p))
    });
    match fits.max_by_key(|(length, described, _, _)| (*length, *described)) {
        Some((_, described, prefix, p)) => Fit {
            profile: p.name.clone(),
            recognised: true,
            why: format!(
                "sysObjectID {} begins with {prefix}{}",
                system.sys_object_id,
                if described { ", and sysDescr fits" } else { "" }
            ),
        },
        None => Fit {
            profile: FALLBACK.to_owned(),
            recognised: false,
            why: format!(
                "no profile knows sysObjectID {}: the profile of last resort, standard MIBs only",
                if system.sys_object_id.is_empty() {
                    "(none)"
                } else {
                    &system.sys_object_id
                }
            ),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn profile(name: &str, identify: &str) -> Marks {
        Marks::parse(name, &format!("format = 1\n[identify]\n{identify}")).unwrap()
    }

    #[test]
    fn the_marks_of_every_shipped_profile_are_those_of_the_profile() {
        let all = all(None);
        assert_eq!(all.len(), BUILT_IN.len());
        for marks in all {
            let whole = Profile::find(&marks.name, None).unwrap();
            assert_eq!(marks.sysobjectid, whole.sysobjectid, "{}", marks.name);
            let text = |r: &Option<Regex>| r.as_ref().map(|r| r.as_str().to_owned());
            assert_eq!(
                text(&marks.sysdescr),
                text(&whole.sysdescr),
                "{}",
                marks.name
            );
        }
    }

    fn system(id: &str, descr: &str) -> SystemInfo {
        SystemInfo {
            sys_name: String::new(),
            sys_descr: descr.into(),
            sys_object_id: id.into(),
            sys_uptime_cs: 0,
            engine_boots: None,
        }
    }

    /// A number is a maker's, often of the chip; the family is in the words.
    #[test]
    fn a_family_is_not_recognised_by_a_number_that_other_families_have_too() {
        let all = all(None);
        let broadcom = "1.3.6.1.4.1.4413.1.1";
        let extreme = "1.3.6.1.4.1.1916.2.302";
        for (id, descr, profile) in [
            (
                broadcom,
                "EdgeSwitch 24-Port 250W, 1.9.2.5322630, Linux 3.6.5",
                "ubiquiti-edgeswitch",
            ),
            (
                broadcom,
                "SONiC Software Version: SONiC.4.4.1 - HwSku: DellEMC-E3248P",
                "generic-qbridge",
            ),
            (broadcom, "UISP OLT", "generic-qbridge"),
            (
                broadcom,
                "USW-24P-250, 3.9.54.9373, Linux 3.6.5",
                "generic-qbridge",
            ),
            (
                extreme,
                "ExtremeXOS (X460G2-24t-10G4) version 22.5.1.7",
                "extreme-exos",
            ),
            (
                extreme,
                "Switch Engine (5520-24T-SwitchEngine) version 32.1.1.6",
                "extreme-exos",
            ),
            (extreme, "VSP-7432CQ (8.10.1.0)", "generic-qbridge"),
            (
                extreme,
                "Extreme SLX9150-48Y Switch, SLX-OS version 20.2.2",
                "generic-qbridge",
            ),
            (
                "1.3.6.1.4.1.2636.1.1.1.2.43",
                "Juniper Networks, Inc. ex2200-24t-4g Ethernet Switch, kernel JUNOS 12.3",
                "juniper-junos",
            ),
            (
                "1.3.6.1.4.1.2636.1.1.1.2.39",
                "Juniper Networks, Inc. srx300 internet router, kernel JUNOS 15.1",
                "generic-qbridge",
            ),
        ] {
            assert_eq!(choose(&all, &system(id, descr)).profile, profile, "{descr}");
        }
    }

    #[test]
    fn the_longest_prefix_wins_and_a_pattern_decides_between_families_that_share_one() {
        let all = [
            profile("short", "sysobjectid = [\"1.3.6.1.4.1.9\"]"),
            profile("long", "sysobjectid = [\"1.3.6.1.4.1.9.6.1\"]"),
            profile(
                "nx",
                "sysobjectid = [\"1.3.6.1.4.1.9\"]\nsysdescr = \"NX-OS\"",
            ),
        ];
        let of = |id: &str, descr: &str| choose(&all, &system(id, descr)).profile;
        assert_eq!(of("1.3.6.1.4.1.9.1.516", "IOS"), "short");
        assert_eq!(of("1.3.6.1.4.1.9.6.1.1004", "CBS350"), "long");
        assert_eq!(of("1.3.6.1.4.1.9.12.3", "Cisco NX-OS(tm)"), "nx");
        for id in ["1.3.6.1.4.1.99.1", ""] {
            let fit = choose(&all, &system(id, ""));
            assert_eq!(
                (fit.profile.as_str(), fit.recognised),
                ("generic-qbridge", false)
            );
        }
    }

    #[test]
    fn a_model_under_another_familys_prefix_is_told_apart_by_its_words() {
        let all = all(None);
        let fit = |id: &str, descr: &str| {
            let system = SystemInfo {
                sys_name: String::new(),
                sys_descr: descr.into(),
                sys_object_id: id.into(),
                sys_uptime_cs: 0,
                engine_boots: None,
            };
            choose(&all, &system).profile
        };
        let c1200 =
            "Catalyst 1200 Series Smart Switch, 8-port GE, Desktop, Ext PS, PoE Input (C1200-8T-D)";
        assert_eq!(fit("1.3.6.1.4.1.9.1.3210", c1200), "cisco-smb");
        let ios = "Cisco IOS Software [Cupertino], Catalyst L3 Switch Software (CAT9K_IOSXE), Version 17.9.4";
        assert_eq!(fit("1.3.6.1.4.1.9.1.2494", ios), "cisco-ios");
        assert_eq!(
            fit(
                "1.3.6.1.4.1.9.6.1.94.24.5",
                "SG350-28 28-Port Gigabit Managed Switch"
            ),
            "cisco-smb"
        );
    }
}
