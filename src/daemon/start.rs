//! Builds the loop from a configuration and runs it on the fast path's thread.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use tokio::sync::mpsc;

use super::beats::Heard;
use super::fencing::Fencing;
use super::first_read::{FirstRead, Read};
use super::follow_kernel::{Follower, follow};
use super::health::Checks;
use super::hub::{Input, Tx};
use super::interfaces::Interface;
use super::journal::{GapsSeen, HEARD, Journal, Record};
use super::keeper::{Keeper, Place, Routes};
use super::mute_keeper::MuteKeeper;
use super::opening::{open_beats, open_interface, open_leg};
use super::parked::Parked;
use super::perform::{Hands, Shared};
use super::record::{self, Kept, Seen};
use super::recorder::Recorder;
use super::redirects::{self, Redirects};
use super::report_writer::ReportWriter;
use super::run_loop::{Loop, PeerRun};
use super::sinks::Sinks;
use super::site::steps_of;
use super::standing::{carry_over, telling::tell_dropped_peers};
pub use super::start_error::StartError;
pub(super) use super::start_error::adapter;
use super::status::About;
use super::witnesses::Witnesses;
use super::{alarms, policy, traps, two_legs};
use crate::config::{Config, Peer, Secrets};
use crate::host::{Disk, Host, Kernel};
use crate::net::address;
use crate::rt::{self, Lane};
use crate::switch::Switch;
use crate::takeover::Machine;
use crate::takeover::action::Level;
use crate::takeover::alarm::Alarms;
use crate::takeover::event::Event;
use crate::takeover::state::Phase;
use crate::types::{BootTime, IfIndex, MacAddr};
use crate::verify::Inventory;

/// Everything that was opened and read before the loop starts.
pub struct Parts {
    /// The configuration.
    pub config: Config,
    /// Its secrets.
    pub secrets: Secrets,
    /// The switches.
    pub switches: BTreeMap<String, Switch>,
    /// Inventories by peer.
    pub inventories: BTreeMap<String, Arc<Inventory>>,
    /// The journal.
    pub journal: Journal,
    /// What was in it.
    pub records: Vec<Record>,
    /// It lacks what was written last.
    pub damaged: bool,
    /// The durable boot counter; `None` without pair peers.
    pub boot_counter: Option<u64>,
    /// What is not as it should be.
    pub limits: Vec<String>,
    /// Where steps keep how it was before.
    pub disk: Arc<dyn Disk>,
    /// An earlier run may have left gates, which could not be looked for in time.
    pub gates_left: bool,
}

/// Builds the loop on this machine. Must run on the fast path's runtime; `slow` is the other one.
///
/// # Errors
///
/// An interface, socket or address that is needed is not there.
pub async fn build(parts: Parts, host: Host, tx: Tx, slow: Lane) -> Result<Loop, StartError> {
    let Parts {
        config,
        secrets,
        switches,
        inventories,
        journal,
        records,
        damaged,
        boot_counter,
        limits,
        disk,
        gates_left,
    } = parts;
    // Subscribed before anything is read: what changes from here on is told.
    let follower = Follower::subscribe(host.kernel.clone());
    let now = rt::boot();
    let mut interfaces: Vec<Interface> = Vec::new();
    let (mut peers, mut starts) = (Vec::new(), Vec::new());
    let boot_id = host.kernel.boot_id();
    let routes = Arc::new(Routes::default());
    let mut begun = Vec::new();
    for peer in config.peers.values() {
        // Without it the kernel takes the interface's other addresses along when the VIP was there first.
        if let Err(e) = host.kernel.promote_secondaries(&peer.interface) {
            tracing::warn!("{e}");
        }
        let at = open_interface(&host, peer, &mut interfaces).await?;
        let serving = match &peer.port_takeover {
            Some(t) => open_leg(&host, peer, &t.interface, &mut interfaces).await?,
            None => at,
        };
        let kept = record::last(&records, &peer.name, &boot_id);
        // Who has nothing to lose learns at once that the interface is the wrong one, or not ready yet.
        let in_place = kept.as_ref().is_some_and(|(kept, _)| kept.in_place());
        if interfaces[at].own.is_none() && !in_place {
            return Err(StartError::NoAddress {
                peer: peer.name.clone(),
                interface: peer.interface.clone(),
                network: peer.vip.to_string(),
            });
        }
        let mut fencing = Fencing::new(
            &config.node.name,
            &peer.fence,
            &switches,
            vec![interfaces[at].mac, interfaces[serving].mac],
        )
        .but_not(peer.port_takeover.as_ref())
        .of_a(peer.kind);
        let (mut later, mut confirm) = (None, false);
        match &kept {
            Some((kept, _)) if kept.in_place() => {
                let (name, standing) = (&peer.name, kept.standing());
                let over = carry_over(name, fencing, &standing, &kept.found, &switches);
                (fencing, later) = (over.fencing, over.later);
            }
            Some((kept, same_boot)) => {
                fencing.recall(&kept.found, *same_boot);
                confirm = true;
            }
            None => {}
        }
        let read = FirstRead::begin(fencing, confirm, &slow);
        begun.push((at, serving, kept, later, read));
    }
    for ((me, peer), begun) in config.peers.values().enumerate().zip(begun) {
        let (at, serving, kept, later, read) = begun;
        let interface = &interfaces[at];
        let inventory =
            inventories
                .get(&peer.name)
                .cloned()
                .ok_or_else(|| StartError::Adapter {
                    peer: peer.name.clone(),
                    source: "its cameras were not loaded".into(),
                })?;
        let Read {
            fencing,
            fence,
            tagged,
        } = read.end().await;
        let witnesses = Witnesses::of(&config, peer, &inventory);
        let peer = Arc::new(peer.clone());
        let mut hands = Hands::new(
            me,
            &config.node.name,
            peer.clone(),
            fencing.clone(),
            inventory,
            witnesses,
            (&host, tx.clone()),
        );
        (hands.listening, hands.serving, hands.announcing_on) = (at, serving, serving);
        if gates_left {
            hands.gate.may_be_left();
        }
        if peer.port_takeover.is_none() {
            let place = Place::of(&interfaces[serving]);
            let keeper = Keeper::new(host.kernel.clone(), peer.vip, place, routes.clone());
            hands.keeper = Some(Arc::new(keeper));
        }
        hands.parked = parked(&host, &peer, &switches, interfaces[serving].mac);
        hands.ping_from(&interfaces[at].name, interfaces[at].index, &host, &tx);
        let machine = Machine::new(policy::policy(&config, &peer, interface.mac), now);
        let mut recorder = Recorder::new(&peer.name, journal.clone());
        recorder.follow(&fencing);
        recorder.set_interface(&interfaces[serving].configured);
        let edited = kept
            .as_ref()
            .and_then(|(k, _)| k.edited(peer.vip, &interfaces[serving].configured));
        hands.steps = steps_of(&peer, &config.origin).map_err(|e| adapter(&peer)(e.into()))?;
        let parked = hands.parked.as_ref();
        let legs = (interface, &interfaces[serving]);
        let faults = match interface.own {
            Some(own) => two_legs::faults(&*host.kernel, &peer, own, &hands.inventory).await,
            None => Ok(Vec::new()),
        };
        let faults = faults.map_err(|e| adapter(&peer)(Box::new(e)))?;
        if !faults.is_empty() {
            return Err(adapter(&peer)(faults.join("; ").into()));
        }
        let spoke = may_have_spoken(&peer, parked, kept.as_ref()).await?;
        let found = Seen {
            tagged,
            journal_lost: damaged || record::is_behind(&records, &peer.name),
            address_here: address_here(&*host.kernel, legs.1, (&peer, spoke)).await?,
            carrier: legs.0.carrier && legs.1.carrier,
            fence,
        };
        hands.adopt = found.address_here;
        if let Some((kept, _)) = &kept {
            recorder.resume(kept);
        }
        let recovered = record::recovered(kept, found, rt::boot());
        starts.push(Event::Start(recovered));
        let mut alarms = Alarms::default();
        if let Some(text) = edited
            && let Some(alert) = alarms.tell(now, "edited", Level::Critical, text)
        {
            alarms::log(&hands.name, &alert);
        }
        peers.push(PeerRun {
            machine,
            recorder,
            hands,
            interface: at,
            cameras: serde_json::Value::Null,
            service_ok: false,
            service_fails: 0,
            uptime: None,
            engine_boots: None,
            leg_faults: Vec::new(),
            switch_fails: 0,
            switch_fault: None,
            later,
            past_fence: None,
            look_at_marks: None,
            alarms,
            health: Checks::default(),
        });
    }
    for (i, interface) in interfaces.iter_mut().enumerate() {
        interface.listen(i, tx.clone());
    }
    follow(follower, &tx);
    let traps = traps::setup(&config, &secrets)
        .map(|setup| traps::Service::start(setup, tx.clone(), &slow, None));
    let mut beats = open_beats(
        &config,
        (secrets, boot_counter),
        &interfaces,
        &peers,
        (&host, &tx),
    )?;
    let heard = records.iter().rev().find(|r| r.kind == HEARD);
    if let (Some(beats), Some(heard)) = (&mut beats, heard) {
        beats
            .restore(&serde_json::from_value::<Vec<Heard>>(heard.data.clone()).unwrap_or_default());
    }
    let about = About {
        node: config.node.name.clone(),
        limits,
        persist: config
            .peers
            .values()
            .map(|p| p.fence.iter().all(|f| f.persist))
            .collect(),
    };
    let mut alarms = Alarms::default();
    tell_dropped_peers(&mut alarms, &records, &config, now);
    let reports = ReportWriter::new(config.node.state_dir.join("reports"));
    let our_macs = interfaces.iter().map(|i| i.mac).collect();
    let beats_on = peers
        .iter()
        .enumerate()
        .filter_map(|(i, p)| {
            let at = &interfaces[p.interface];
            let socket = beats.as_ref()?.data_socket(i)?;
            Some((socket, (at.index, at.own?)))
        })
        .collect();
    let place = (disk.clone(), config.node.state_dir.clone());
    let redirects = redirects::Around {
        host: &host,
        disk: &place,
        slow: &slow,
        journal: (&journal, &records),
    };
    let redirects = Redirects::start(&config, &redirects);
    let mut l = Loop {
        redirects: redirects.map_err(StartError::Redirect)?,
        sinks: Sinks::start(&config, host.programs.clone(), place.clone(), &slow),
        starts,
        journal,
        gaps: GapsSeen::default(),
        peers,
        interfaces,
        beats,
        traps,
        shared: Shared {
            tx,
            slow,
            host,
            disk: (disk, config.node.state_dir.clone()),
        },
        about,
        reports,
        started: config.clone(),
        config,
        alarms,
        our_macs,
        old_macs: BTreeSet::new(),
        strays: true,
        link_changed: BootTime::default(),
        beats_on,
        holds: Vec::new(),
    };
    l.follow_health();
    Ok(l)
}

/// Our own port, where it is moved.
fn parked(
    host: &Host,
    peer: &Peer,
    switches: &BTreeMap<String, Switch>,
    mac: MacAddr,
) -> Option<Parked> {
    let takeover = peer.port_takeover.as_ref()?;
    Some(Parked {
        switch: switches.get(&takeover.switch)?.clone(),
        port: takeover.port.clone(),
        production: takeover.production,
        parking: takeover.parking,
        mac,
        mute: Arc::new(MuteKeeper::new(&peer.name, peer.vip, host.programs.clone())),
    })
}

/// Port takeover: true if this machine may speak for the VIP since a takeover of this boot. In every other case it is
/// muted here and now, before anything else is looked at. `None` without port takeover.
async fn may_have_spoken(
    peer: &Peer,
    parked: Option<&Parked>,
    kept: Option<&(Kept, bool)>,
) -> Result<Option<bool>, StartError> {
    let Some(parked) = parked else {
        return Ok(None);
    };
    let done = kept.is_some_and(|(k, same_boot)| *same_boot && !matches!(k.phase, Phase::Standby));
    let said = |e: String| adapter(peer)(e.into());
    Ok(Some(parked.mute.begin(done).await.map_err(said)?))
}

/// True if the VIP is on our interface, and ours.
async fn address_here(
    kernel: &dyn Kernel,
    serving: &Interface,
    (peer, spoke): (&Peer, Option<bool>),
) -> Result<bool, StartError> {
    let all = kernel.addresses().await;
    let all = all.map_err(|e| adapter(peer)(Box::new(e)))?;
    let state = address::on(&all, IfIndex(serving.index), peer.vip.addr);
    Ok(state.is_some_and(|a| spoke.unwrap_or(a.ours)))
}

/// The channel into the loop.
pub fn channel() -> (Tx, mpsc::UnboundedReceiver<Input>) {
    mpsc::unbounded_channel()
}
