//! A switch read over its command line: the same ports and places as over SNMP, from the profile's shows.

use std::sync::PoisonError;
use std::time::Duration;

use super::error::SwitchError;
use super::over_snmp::Reading;
use super::shown_table::ShownTable;
use super::switch::Switch;
use super::table::PortRow;
use crate::rt::{self, Instant};
use crate::switch::model::mac_format::parse_mac;
use crate::switch::model::port::Place;
use crate::switch::model::port::{Admin, LinkState, Oper, PortState, SystemInfo};
use crate::switch::model::tag;
use crate::switch::profile::Transport;
use crate::switch::profile::ssh::fill::Vars;
use crate::switch::profile::ssh::rules::ChannelKind;
use crate::switch::ssh::{Cli, Record, vlan_list};
use crate::types::{IfIndex, MacAddr, VlanId};

/// Before a row that was not there is looked for again.
const TORN: Duration = Duration::from_millis(200);

impl Switch {
    pub(crate) fn cli(&self) -> Result<&Cli, SwitchError> {
        self.cli_if_any().ok_or_else(|| SwitchError::NoWay {
            switch: self.target().name.clone(),
            what: "it over SSH".into(),
            profile: self.profile().name.clone(),
        })
    }

    /// Ports and places, one show each.
    pub(crate) async fn read_over_ssh(
        &self,
        ports: &[&str],
        macs: &[MacAddr],
        vlan: Option<VlanId>,
    ) -> Result<Reading, SwitchError> {
        let started = Instant::now();
        let mut states = Vec::with_capacity(ports.len());
        for port in ports {
            let record = self.shown_port(port).await?;
            states.push(self.state_of(port, &record)?);
        }
        let rules = self.cli()?.rules();
        // Where each show is a process of its own, the whole table is sooner there than several look-ups in it.
        let at_once = macs.len() > 1
            && rules.channel == ChannelKind::Exec
            && rules.shows.contains_key("macs");
        let whole = if at_once {
            self.table_over_ssh(None).await?
        } else {
            None
        };
        let mut places = Vec::with_capacity(macs.len());
        for mac in macs {
            let table = match &whole {
                Some(table) => table.clone(),
                None => self.table_over_ssh(Some(*mac)).await?.unwrap_or_default(),
            };
            places.push(self.places_in(table, *mac, vlan));
        }
        Ok(Reading {
            started,
            ended: Instant::now(),
            over: Transport::Ssh,
            ports: states,
            places,
            unread: None,
        })
    }

    /// The record of one port, as the show `port` has it, with what the shows `port_...` add: some families show the
    /// link, the configuration and the VLANs apart.
    pub(crate) async fn shown_port(&self, port: &str) -> Result<Record, SwitchError> {
        let mut record = self.shown_by("port", port).await?;
        let more = self.cli()?.rules().shows.keys();
        let more: Vec<String> = more.filter(|n| n.starts_with("port_")).cloned().collect();
        for name in more {
            let shown = match self.shown_by(&name, port).await {
                // A port that is in no bridge, or has no VLANs for another reason: the others tell what they can.
                Err(SwitchError::NotShown { .. }) => continue,
                shown => shown?,
            };
            for (field, value) in shown {
                record.entry(field).or_insert(value);
            }
        }
        Ok(record)
    }

    /// The one record of a port. What is not there is looked for once more: a log line may have torn its row.
    async fn shown_by(&self, show: &str, port: &str) -> Result<Record, SwitchError> {
        match self.shown_once(show, port).await {
            Err(SwitchError::NotShown { .. }) => {
                rt::sleep(TORN).await;
                self.shown_once(show, port).await
            }
            shown => shown,
        }
    }

    async fn shown_once(&self, show: &str, port: &str) -> Result<Record, SwitchError> {
        let cli = self.cli()?;
        let records = cli.show(show, &Vars::new().port(port)).await?;
        // A show of one port need not name it; one that names several must name this one.
        let named = |r: &Record| r.get("port").is_none_or(|p| cli.rules().same_port(port, p));
        let mut fitting = records.into_iter().filter(named);
        match (fitting.next(), fitting.next()) {
            (Some(one), None) => Ok(one),
            (None, _) => Err(SwitchError::NotShown {
                switch: self.target().name.clone(),
                port: port.to_owned(),
            }),
            (Some(_), Some(_)) => Err(SwitchError::Ambiguous {
                switch: self.target().name.clone(),
                port: port.to_owned(),
                indexes: "shown more than once".into(),
            }),
        }
    }

    /// The state that a record of [`Switch::shown_port`] tells.
    pub(crate) fn state_of(&self, port: &str, record: &Record) -> Result<PortState, SwitchError> {
        let state = |field: &str| {
            let text = record.get(field).map(String::as_str).unwrap_or_default();
            LinkState::parse(text).ok_or_else(|| SwitchError::Missing {
                switch: self.target().name.clone(),
                port: port.to_owned(),
                object: format!("the field `{field}` of [ssh.show.port]"),
                came_back: if text.is_empty() {
                    "nothing".into()
                } else {
                    format!("`{text}`")
                },
            })
        };
        let alias = record.get("alias").map(|a| a.clone().into_bytes());
        let (admin, oper) = (state("admin")?, state("oper")?);
        Ok(PortState {
            if_name: port.to_owned(),
            // The command line goes by names; no number is made up.
            if_index: IfIndex(0),
            bridge_port: None,
            if_alias: None,
            tag: None,
            admin: admin.into(),
            oper: oper.into(),
            last_change_cs: None,
            sys_uptime_cs: None,
            place: Some(self.place_of_name(port)),
            alias_octets: None,
        }
        .with_alias(alias))
    }

    /// A number for a port's name, the same as long as this switch is known: where the forwarding table of a command
    /// line has names, places still are numbers.
    pub(crate) fn place_of_name(&self, shown: &str) -> u32 {
        let mut names = self.names().lock().unwrap_or_else(PoisonError::into_inner);
        let same = |n: &String| match self.cli_if_any() {
            Some(cli) => cli.rules().same_port(n, shown),
            None => n == shown,
        };
        let at = names.iter().position(same).unwrap_or_else(|| {
            names.push(shown.to_owned());
            names.len() - 1
        });
        // 0 means "the switch itself" in a forwarding table.
        u32::try_from(at).unwrap_or(u32::MAX - 1) + 1
    }

    pub(crate) fn name_of_place(&self, place: u32) -> Option<String> {
        let names = self.names().lock().unwrap_or_else(PoisonError::into_inner);
        names
            .get(usize::try_from(place).ok()?.checked_sub(1)?)
            .cloned()
    }

    /// Where a forwarding table has this address.
    fn places_in(
        &self,
        table: Vec<(MacAddr, Option<u32>, String)>,
        mac: MacAddr,
        vlan: Option<VlanId>,
    ) -> Vec<Place> {
        let places = table.into_iter().filter(|(m, v, _)| {
            *m == mac && vlan.is_none_or(|want| v.is_none_or(|v| v == u32::from(want.0)))
        });
        places
            .map(|(_, v, port)| (v, self.place_of_name(&port)))
            .collect()
    }

    /// With port and VLAN of the place where the forwarding table has the address: some families flush by port.
    pub(crate) async fn at_place(
        &self,
        vars: Vars,
        mac: MacAddr,
        vlan: Option<VlanId>,
    ) -> Result<Vars, SwitchError> {
        let table = self.table_over_ssh(Some(mac)).await?.unwrap_or_default();
        let wanted = vlan.map(|v| u32::from(v.0));
        let place = table.into_iter().find(|(there, at, _)| {
            *there == mac && (wanted.is_none() || at.is_none() || *at == wanted)
        });
        Ok(match place {
            Some((_, Some(at), port)) => vars.port(&port).with("vlan", at),
            Some((_, None, port)) => vars.port(&port),
            None => vars,
        })
    }

    /// What was learned: address, VLAN, port as shown. `None` if the profile cannot show it.
    pub(crate) async fn table_over_ssh(
        &self,
        mac: Option<MacAddr>,
    ) -> Result<Option<Vec<(MacAddr, Option<u32>, String)>>, SwitchError> {
        let cli = self.cli()?;
        let shows = &cli.rules().shows;
        let wanted = if mac.is_some() && shows.contains_key("mac") {
            "mac"
        } else {
            "macs"
        };
        if !shows.contains_key(wanted) {
            return Ok(None);
        }
        let vars = mac.map_or_else(Vars::new, |m| Vars::new().mac(m));
        let records = cli.show(wanted, &vars).await?;
        Ok(Some(
            records
                .iter()
                .filter_map(|r| {
                    let vlan = r.get("vlan").and_then(|v| v.parse().ok());
                    Some((parse_mac(r.get("mac")?)?, vlan, r.get("port")?.clone()))
                })
                .collect(),
        ))
    }

    /// Who the switch says it is, as the profile's show `identify` has it.
    pub(crate) async fn system_over_ssh(&self) -> Result<SystemInfo, SwitchError> {
        let cli = self.cli()?;
        let said = if cli.rules().shows.contains_key("identify") {
            cli.show("identify", &Vars::new()).await?
        } else {
            cli.login().await?;
            Vec::new()
        };
        let field = |name: &str| {
            said.iter()
                .find_map(|r| r.get(name))
                .cloned()
                .unwrap_or_default()
        };
        Ok(SystemInfo {
            sys_name: field("sysname"),
            sys_descr: format!("{} {}", field("model"), field("version"))
                .trim()
                .to_owned(),
            sys_object_id: String::new(),
            sys_uptime_cs: 0,
            engine_boots: None,
        })
    }

    /// The running configuration; `None` if the profile cannot show it, or the switch is not reached over SSH.
    ///
    /// # Errors
    /// The switch does not answer, or refuses.
    pub async fn running(&self) -> Result<Option<String>, SwitchError> {
        let Some(cli) = self
            .cli_if_any()
            .filter(|c| c.rules().shows.contains_key("running"))
        else {
            return Ok(None);
        };
        let said = cli.show("running", &Vars::new()).await?;
        Ok(said.into_iter().find_map(|mut r| r.remove("text")))
    }

    /// One port, by its own shows; `None` where these do not tell its VLAN.
    pub(crate) async fn port_row_over_ssh(
        &self,
        port: &str,
    ) -> Result<Option<PortRow>, SwitchError> {
        let record = self.shown_port(port).await?;
        if !record.contains_key("pvid") {
            return Ok(None);
        }
        let table = self.shown_table().await?;
        Ok(Some(row(self, port, &record, &table)))
    }

    /// Every port that the profile's show `ports` has.
    pub(crate) async fn port_table_over_ssh(&self) -> Result<Vec<PortRow>, SwitchError> {
        let cli = self.cli()?;
        let records = cli.show("ports", &Vars::new()).await?;
        let table = self.shown_table().await?;
        let rows = records
            .iter()
            .filter_map(|r| Some(row(self, r.get("port")?, r, &table)));
        Ok(rows.collect())
    }
}

/// A port as its record and the forwarding table have it.
fn row(switch: &Switch, shown: &str, r: &Record, table: &ShownTable) -> PortRow {
    let number = |f: &str| r.get(f).and_then(|v| v.parse().ok());
    let macs = table.on(switch, shown);
    let state = |f: &str| r.get(f).and_then(|t| LinkState::parse(t));
    let pvid: Option<u32> = number("pvid");
    PortRow {
        if_name: shown.to_owned(),
        if_index: number("if_index").unwrap_or(0),
        bridge_port: None,
        if_alias: r
            .get("alias")
            .map(|a| String::from_utf8_lossy(tag::split(a.as_bytes()).0).into_owned()),
        admin: state("admin").map(Admin::from),
        oper: state("oper").map(Oper::from),
        pvid,
        untagged: pvid.map(|p| vec![p]),
        // A trunk's list of VLANs names the native one too, which leaves it untagged.
        tagged: r.get("tagged").and_then(|t| vlan_list(t)).map(|all| {
            let all = all.into_iter().map(u32::from);
            all.filter(|v| Some(*v) != pvid).collect()
        }),
        macs_unread: macs.as_ref().err().cloned(),
        macs: macs.ok(),
    }
}
