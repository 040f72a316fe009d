//! Is a machine behind these ports of several switches, as of a bond over two?
//!
//! It is if it is learned behind any of them. A switch that has it only on an uplink says nothing: that leads to the other.
//! Learned on a port of any of these switches that is neither, it is elsewhere.

use futures_util::future::join_all;

use super::placing::{Look, Placing};
use super::switch::Switch;
use crate::switch::model::port::Oper;
use crate::types::MacAddr;

/// What one look at all switches saw.
#[derive(Clone, Debug)]
pub struct LookTogether {
    /// Which ports these are, switch by switch; empty if a switch could not be read.
    pub identity: String,
    /// What was seen; or why a switch could not be read.
    pub placing: Result<Placing, String>,
    /// Switch by switch: the aggregate that its table names for the ports, where it is one.
    pub aggregates: Vec<Option<String>>,
}

/// Where a machine that answers just now is, seen from these ports: `macs` are its addresses, `own` ours.
pub async fn place_together(
    parts: &[(&Switch, Vec<&str>)],
    macs: &[MacAddr],
    own: &[MacAddr],
) -> LookTogether {
    let alone = parts.len() < 2;
    let looks = parts.iter().map(async |(switch, ports)| {
        let look = if alone {
            switch.place(ports, macs, own).await
        } else {
            switch.place_leg(ports, macs, own).await
        };
        look.map_err(|e| e.to_string())
    });
    let looks: Result<Vec<Look>, String> = join_all(looks).await.into_iter().collect();
    let looks = match looks {
        Ok(looks) => looks,
        // Half of a look neither confirms nor contradicts.
        Err(why) => {
            return LookTogether {
                identity: String::new(),
                placing: Err(why),
                aggregates: Vec::new(),
            };
        }
    };
    let aggregates = looks.iter().map(|l| match &l.placing {
        Placing::Here { aggregate, .. } => aggregate.clone(),
        Placing::Elsewhere { .. } | Placing::Nowhere | Placing::Untold => None,
    });
    let name = |i: usize| parts[i].0.target().name.as_str();
    let identities = looks.iter().enumerate().map(|(i, look)| match alone {
        true => look.identity(),
        false => format!("{}: {}", name(i), look.identity()),
    });
    LookTogether {
        identity: identities.collect::<Vec<_>>().join("; "),
        aggregates: aggregates.collect(),
        placing: Ok(match looks.as_slice() {
            [one] => one.placing.clone(),
            all => {
                let names: Vec<&str> = (0..parts.len()).map(name).collect();
                as_a_whole(&names, all)
            }
        }),
    }
}

fn as_a_whole(names: &[&str], looks: &[Look]) -> Placing {
    let linked = |l: &Look| l.ports.iter().any(|p| p.oper == Oper::Up);
    let elsewhere = |l: &&Look| matches!(l.placing, Placing::Elsewhere { .. });
    if let Some(look) = looks.iter().find(elsewhere) {
        return look.placing.clone();
    }
    if !looks.iter().any(linked) {
        return Placing::Elsewhere {
            at: "a port without link".to_owned(),
            why: format!(
                "no port of this fence on {} has a link, beside a peer that answers: it hangs somewhere else",
                names.join(" and ")
            ),
        };
    }
    if looks
        .iter()
        .any(|l| matches!(l.placing, Placing::Here { .. }))
    {
        let words = names.iter().zip(looks).map(|(name, look)| {
            let how = match &look.placing {
                Placing::Here { how, .. } => how.as_str(),
                Placing::Elsewhere { why, .. } => why.as_str(),
                Placing::Nowhere if !linked(look) => "no link there now",
                Placing::Nowhere => "it is not learned on a port there now",
                Placing::Untold => "the switch tells no MAC addresses",
            };
            format!("{name}: {how}")
        });
        return Placing::Here {
            how: words.collect::<Vec<_>>().join("; "),
            aggregate: None,
        };
    }
    // A leg without link has nothing to tell.
    let told = |l: &&Look| linked(l) && l.placing == Placing::Nowhere;
    match looks.iter().any(|l| told(&l)) {
        true => Placing::Nowhere,
        false => Placing::Untold,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::switch::model::port::{Admin, PortState};
    use crate::types::IfIndex;

    fn look(oper: Oper, placing: Placing) -> Look {
        let port = PortState {
            if_name: "ge1".into(),
            if_index: IfIndex(1),
            bridge_port: None,
            if_alias: None,
            tag: None,
            admin: Admin::Up,
            oper,
            last_change_cs: None,
            sys_uptime_cs: None,
            place: None,
            alias_octets: None,
        };
        Look {
            ports: vec![port],
            placing,
        }
    }

    fn here() -> Placing {
        Placing::Here {
            how: "learned there".into(),
            aggregate: None,
        }
    }

    fn elsewhere() -> Placing {
        Placing::Elsewhere {
            at: "core:ge3".into(),
            why: "on ge3".into(),
        }
    }

    fn of(a: (Oper, Placing), b: (Oper, Placing)) -> Placing {
        as_a_whole(&["core", "edge"], &[look(a.0, a.1), look(b.0, b.1)])
    }

    #[test]
    fn two_looks_are_one_about_the_machine() {
        use Oper::{Down, Up};
        use Placing::{Nowhere, Untold};
        let Placing::Here { how, .. } = of((Up, here()), (Down, Nowhere)) else {
            panic!()
        };
        assert_eq!(how, "core: learned there; edge: no link there now");
        assert!(matches!(
            of((Up, Nowhere), (Up, here())),
            Placing::Here { .. }
        ));
        assert!(matches!(
            of((Up, Untold), (Up, here())),
            Placing::Here { .. }
        ));
        assert_eq!(of((Up, here()), (Up, elsewhere())), elsewhere());
        assert_eq!(of((Up, Nowhere), (Up, Nowhere)), Nowhere);
        assert_eq!(of((Up, Untold), (Up, Nowhere)), Nowhere);
        assert_eq!(of((Up, Untold), (Down, Nowhere)), Untold);
        assert_eq!(of((Up, Untold), (Up, Untold)), Untold);
        let nobody = of((Down, Nowhere), (Down, Nowhere));
        assert!(matches!(nobody, Placing::Elsewhere { at, .. } if at == "a port without link"));
    }
}
