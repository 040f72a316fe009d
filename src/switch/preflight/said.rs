//! What is known of a port's protections, from objects and from shows, and what is to be said of it. Pure.
//!
//! A wrong "off" is worse than "not known": off is only what somebody called off and nobody calls on.

use super::lines::Verdict;

/// What is said of one protection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Said {
    /// It is on.
    On(String),
    /// It is off.
    Off(String),
    /// It is not told, and why.
    Not(String),
}

impl Said {
    /// What two who were asked say together.
    pub(super) fn and(self, other: Said) -> Said {
        match (self, other) {
            (on @ Said::On(_), _) | (_, on @ Said::On(_)) => on,
            (off @ Said::Off(_), _) | (_, off @ Said::Off(_)) => off,
            (Said::Not(_), other) => other,
        }
    }

    pub(super) fn verdict(self) -> (Verdict, String) {
        match self {
            Said::On(what) => (Verdict::Warning, what),
            Said::Off(what) => (Verdict::Ok, what),
            Said::Not(why) => (Verdict::NotKnown, why),
        }
    }
}

/// What is said of ARP inspection: VLANs are inspected, ports are trusted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Arp {
    /// Whether a VLAN of the port is inspected.
    pub(super) inspected: Option<bool>,
    /// Whether the port is trusted.
    pub(super) trusted: Option<bool>,
    /// ARP packets a second that the port may send.
    pub(super) rate: Option<u32>,
    /// Why it is not told.
    pub(super) why: Option<String>,
}

impl Arp {
    /// What two who were asked say together.
    pub(super) fn and(self, other: Arp) -> Arp {
        let both = |a: Option<bool>, b: Option<bool>, of: fn(bool, bool) -> bool| match (a, b) {
            (Some(a), Some(b)) => Some(of(a, b)),
            (a, b) => a.or(b),
        };
        Arp {
            inspected: both(self.inspected, other.inspected, |a, b| a || b),
            trusted: both(self.trusted, other.trusted, |a, b| a && b),
            rate: self.rate.or(other.rate),
            why: other.why.or(self.why),
        }
    }

    pub(super) fn said(self) -> Said {
        let rate = self
            .rate
            .map_or(String::new(), |n| format!(": {n} ARP a second at most"));
        match (self.inspected, self.trusted) {
            (_, Some(true)) => Said::Off("the port is trusted".into()),
            (Some(false), _) => Said::Off("its VLAN is not inspected".into()),
            (Some(true), Some(false)) => Said::On(format!(
                "its VLAN is inspected and the port is not trusted{rate}"
            )),
            (Some(true), None) => Said::On(format!(
                "its VLAN is inspected, and whether the port is trusted is not told{rate}"
            )),
            (None, Some(false)) => {
                let why = self.why.map_or(String::new(), |why| format!(" ({why})"));
                Said::Not(format!(
                    "the port is not trusted, and whether its VLAN is inspected is not told{why}"
                ))
            }
            (None, None) => Said::Not(self.why.unwrap_or_else(nobody)),
        }
    }
}

/// What is said where nobody can be asked.
pub(super) fn nobody() -> String {
    "the profile has no object and no show for it".into()
}

/// Whether any of several VLANs is inspected; off only if every one is told to be off.
pub(super) fn any_inspected(vlans: impl IntoIterator<Item = Option<bool>>) -> Option<bool> {
    let mut all = None;
    let mut unknown = false;
    for vlan in vlans {
        match vlan {
            Some(true) => return Some(true),
            Some(false) => all = Some(false),
            None => unknown = true,
        }
    }
    all.filter(|_| !unknown)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn on() -> Said {
        Said::On("on".into())
    }
    fn off() -> Said {
        Said::Off("off".into())
    }
    fn not() -> Said {
        Said::Not("not".into())
    }

    #[test]
    fn on_outweighs_off_and_off_outweighs_not_known() {
        for (a, b, want) in [
            (on(), off(), on()),
            (off(), on(), on()),
            (not(), on(), on()),
            (off(), not(), off()),
            (not(), off(), off()),
            (not(), not(), not()),
        ] {
            assert_eq!(a.and(b), want);
        }
    }

    #[test]
    fn a_vlan_is_off_only_if_all_are() {
        assert_eq!(any_inspected([Some(false), Some(false)]), Some(false));
        assert_eq!(any_inspected([Some(false), None]), None);
        assert_eq!(any_inspected([None, Some(true)]), Some(true));
        assert_eq!(any_inspected([]), None);
    }

    #[test]
    fn an_untrusted_port_of_a_vlan_that_nobody_tells_of_is_not_known() {
        let arp = |inspected, trusted| Arp {
            inspected,
            trusted,
            rate: Some(15),
            why: Some("refused".into()),
        };
        let verdict = |a: Arp| a.said().verdict();
        assert_eq!(verdict(arp(Some(true), Some(true))).0, Verdict::Ok);
        assert_eq!(verdict(arp(Some(false), None)).0, Verdict::Ok);
        assert_eq!(verdict(arp(Some(true), None)).0, Verdict::Warning);
        assert_eq!(verdict(arp(None, Some(false))).0, Verdict::NotKnown);
        assert!(verdict(arp(None, Some(false))).1.contains("refused"));
        assert_eq!(verdict(arp(None, None)).1, "refused");
        let (_, what) = verdict(arp(Some(true), Some(false)));
        assert!(what.contains("15 ARP a second"), "{what}");
    }

    #[test]
    fn who_calls_a_port_untrusted_outweighs_who_calls_it_trusted() {
        let trusted = |t| Arp {
            trusted: Some(t),
            ..Arp::default()
        };
        assert_eq!(trusted(true).and(trusted(false)).trusted, Some(false));
        assert_eq!(trusted(true).and(Arp::default()).trusted, Some(true));
    }
}
