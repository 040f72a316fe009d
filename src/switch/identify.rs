//! Which profile fits a switch, by what it says of itself.

use std::collections::BTreeSet;
use std::path::Path;

use serde::Serialize;

use super::port::SystemInfo;
use super::profile::{BUILT_IN, Profile};
use super::value::Oid;

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

/// Every profile that is right; a file with mistakes is left out (`profile lint` says them).
pub fn all(folder: Option<&Path>) -> Vec<Profile> {
    names(folder)
        .iter()
        .filter_map(|name| Profile::find(name, folder).ok())
        .collect()
}

/// The profile with the longest matching prefix of sysObjectID whose sysDescr pattern matches too; where two are as
/// long, the one with a pattern. The profile of last resort if there is none.
pub fn choose(profiles: &[Profile], system: &SystemInfo) -> Fit {
    let id: Option<Oid> = system.sys_object_id.parse().ok();
    let fits = profiles.iter().filter_map(|p| {
        let described = match &p.sysdescr {
            Some(pattern) => pattern.is_match(&system.sys_descr),
            None => true,
        };
        let id = id.as_ref().filter(|_| described)?;
        let prefixes = p.sysobjectid.iter().filter(|o| id.after(o).is_some());
        let longest = prefixes.max_by_key(|o| o.arcs().len())?;
        Some((longest.arcs().len(), p.sysdescr.is_some(), longest, p))
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

    fn profile(name: &str, identify: &str) -> Profile {
        let text = BUILT_IN
            .iter()
            .find(|(n, _)| *n == FALLBACK)
            .unwrap()
            .1
            .lines()
            .filter(|l| !l.starts_with("sysobjectid"))
            .collect::<Vec<_>>()
            .join("\n")
            .replace("[identify]", &format!("[identify]\n{identify}"));
        Profile::parse(name, "x.toml", &text).unwrap()
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
}
