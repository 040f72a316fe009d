//! Fence, VLAN moves, trunks, FDB and undo over SSH on a real switch: Open vSwitch behind a real OpenSSH, in network
//! namespaces of the test's own. What counts is what frames do, not only what reads back. Needs root.

use crate::ssh_site;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::ssh_site::{Site, mac, sh, story, wait};
use standin::daemon::forwarding::forwarding;
use standin::switch::change::plan_change;
use standin::switch::change::vlan_move::{Whose, move_port};
use standin::switch::fence::quarantine;
use standin::switch::{
    ChangeError, ChangeRequest, FencePort, FenceRequest, FenceTag, Operation, Profile, Switch,
    change,
};
use standin::takeover::event::Outcome;
use standin::types::{Epoch, Quarantine, VlanId};

const PORT: u16 = 22022;

fn site() -> Option<Site> {
    let needed = [
        "/usr/sbin/sshd",
        "/usr/sbin/ovs-vswitchd",
        "/usr/bin/ssh-keygen",
    ];
    if !ssh_site::possible(&needed, "openssh-server and openvswitch-switch") {
        return None;
    }
    let profile = Profile::find("openvswitch", None).unwrap();
    let mut site = Site::new(profile, &format!("127.0.0.1:{PORT}"));
    let d = site.dir.path().display().to_string();
    sh(&format!(
        "mkdir -p /run/sshd; ovsdb-tool create {d}/conf.db /usr/share/openvswitch/vswitch.ovsschema"
    ));
    fs::write(
        format!("{d}/sshd.conf"),
        format!(
            "ListenAddress 127.0.0.1:{PORT}\nHostKey {d}/host\nAuthorizedKeysFile {d}/authorized\nStrictModes no\n\
             PermitRootLogin prohibit-password\nUsePAM no\nPidFile none\nSetEnv OVS_RUNDIR={d}\nLogLevel ERROR\n"
        ),
    )
    .unwrap();
    let environment = [("OVS_RUNDIR", d.as_str()), ("OVS_LOGDIR", d.as_str())];
    let quiet = "-vconsole:off".to_owned();
    let server = [
        format!("{d}/conf.db"),
        format!("--remote=punix:{d}/db.sock"),
        quiet.clone(),
    ];
    site.spawn("ovsdb-server", &server, &environment);
    wait(|| Path::new(&format!("{d}/db.sock")).exists());
    let switch = [
        format!("unix:{d}/db.sock"),
        "--disable-system".into(),
        quiet,
        "--pidfile".into(),
    ];
    site.spawn("ovs-vswitchd", &switch, &environment);
    let sshd = ["-D", "-e", "-f", &format!("{d}/sshd.conf")].map(str::to_owned);
    site.spawn("/usr/sbin/sshd", &sshd, &environment);
    let ovs = format!("OVS_RUNDIR={d} ovs-vsctl --timeout=10");
    site.management.sh(&format!(
        "{ovs} --no-wait init; {ovs} add-br br0 -- set bridge br0 datapath_type=netdev"
    ));
    let modes = ["tag=10", "tag=10", "tag=20", "vlan_mode=trunk trunks=10"];
    for (n, how) in (1..).zip(modes) {
        site.management.sh(&format!(
            "ip link add p{n} address 02:00:00:00:01:0{n} type veth peer name e{n}; ip link set p{n} up"
        ));
        site.plug(&format!("e{n}"));
        site.management
            .sh(&format!("{ovs} add-port br0 p{n} -- set port p{n} {how}"));
    }
    wait(|| site.hosts[0].reaches("10.9.0.2"));
    Some(site)
}

#[test]
fn a_switch_behind_ssh_is_fenced_moved_and_put_back_and_the_frames_show_it() {
    let Some(site) = site() else { return };
    let perms = fs::metadata(site.dir.path().join("user"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(perms & 0o77, 0);
    story::the_table(&site);
    story::the_fence(&site);
    story::a_move_and_its_undo(&site);
    story::a_trunk(&site);
    the_last_vlan_of_a_trunk(&site);
    story::the_guards(&site, "p2 down");
    story::found_by_itself(&site);
    a_port_takeover_and_back(&site);
    story::found_and_flushed(&site);
}

/// The daemon's own steps: the peer (p1) to quarantine, the parked port (p3) into production once it forwards, and back.
fn a_port_takeover_and_back(site: &Site) {
    const QUARANTINE: VlanId = VlanId(30);
    let request = FenceRequest {
        ports: vec![FencePort {
            port: "p1".into(),
            expected_identity: None,
            expected_alias: None,
        }],
        peer_mac: mac(1).into(),
        vlan: None,
        own_macs: vec![mac(9)],
        aggregates: Vec::new(),
        tag: FenceTag {
            node: "survivor".into(),
            epoch: Epoch(1),
        },
        within: Duration::from_secs(10),
        progress: None,
    };
    let fenced = ["p1".to_owned()];
    let vlans = Quarantine {
        production: VlanId(10),
        quarantine: QUARANTINE,
    };
    let (parked, production) = (VlanId(20), VlanId(10));
    let within = Duration::from_secs(20);
    let on = || Switch::new(site.target());
    let planned = |port: &'static str, to: VlanId| {
        let switch = on();
        let plan = site.management.block_on(|| async move {
            let request = ChangeRequest::new(Operation::SetAccessVlan(to), Some(port), within);
            plan_change(&switch, &request).await.unwrap()
        });
        assert!(plan.refused.is_empty(), "{plan:?}");
        let commands: Vec<String> = plan
            .lines
            .iter()
            .filter_map(|l| l.command.clone())
            .collect();
        let expected = format!(
            "ovs-vsctl --timeout=5 set port {port} tag={} vlan_mode=access",
            to.0
        );
        assert_eq!(commands, [expected]);
    };
    assert!(site.hosts[1].reaches("10.9.0.1") && !site.hosts[1].reaches("10.9.0.3"));

    planned("p1", QUARANTINE);
    let switch = on();
    let how = site.management.block_on(|| async move {
        let done = quarantine::set(&switch, &request, vlans, || {}).await;
        let ports = ["p1".to_owned()];
        assert_eq!(quarantine::stands(&switch, &ports, vlans).await, Ok(true));
        done.unwrap()
    });
    assert!(how.contains("is not in VLAN 10"), "{how}");
    assert!(
        !site.hosts[1].reaches("10.9.0.1"),
        "it reaches others from quarantine"
    );

    // Real spanning tree, with the shortest delays it allows: four seconds listening, four learning.
    planned("p3", production);
    let d = site.dir.path().display().to_string();
    site.management.sh(&format!(
        "for p in p1 p2 p3 p4; do set -- \"$@\" -- set port $p other_config:stp-enable=false; done; \
         OVS_RUNDIR={d} ovs-vsctl --timeout=10 set bridge br0 stp_enable=true other_config:stp-forward-delay=4 \
         other_config:stp-max-age=6 other_config:stp-hello-time=1 \"$@\""
    ));
    let switch = on();
    let moved = site.management.block_on(|| async move {
        move_port(
            &switch,
            "p3",
            (parked, production),
            &Whose::default(),
            within,
            || {},
        )
        .await
    });
    assert!(moved.is_ok(), "{moved:?}");
    site.management.sh(&format!(
        "OVS_RUNDIR={d} ovs-vsctl --timeout=10 set port p3 other_config:stp-enable=true"
    ));
    assert!(
        !site.hosts[1].reaches("10.9.0.3"),
        "frames pass while it listens"
    );
    let (switch, begun) = (on(), Instant::now());
    let waited = site
        .management
        .block_on(|| async move { forwarding(&switch, "p3", production, within).await });
    let took = begun.elapsed();
    assert!(
        matches!(&waited, Outcome::Done(how) if how.contains("forwards")),
        "{waited:?}"
    );
    assert!((4..12).contains(&took.as_secs()), "{took:?}");
    wait(|| site.hosts[1].reaches("10.9.0.3"));
    site.management.sh(&format!(
        "OVS_RUNDIR={d} ovs-vsctl --timeout=10 set bridge br0 stp_enable=false"
    ));

    let (switch, ports) = (on(), fenced);
    site.management.block_on(|| async move {
        let back = (production, parked);
        let parked = move_port(&switch, "p3", back, &Whose::default(), within, || {}).await;
        assert!(parked.is_ok(), "{parked:?}");
        quarantine::lift(&switch, &ports, vlans, within)
            .await
            .unwrap();
        assert_eq!(quarantine::stands(&switch, &ports, vlans).await, Ok(false));
    });
    assert!(!site.hosts[1].reaches("10.9.0.3"));
    wait(|| site.hosts[1].reaches("10.9.0.1"));
}

/// A trunk of Open vSwitch without VLANs carries all: the profile refuses that, and nothing is left half done.
fn the_last_vlan_of_a_trunk(site: &Site) {
    let mut target = site.target();
    target.uplinks.clear();
    let last = site.management.block_on(|| async move {
        let operation = Operation::TrunkRemove(VlanId(10));
        change(
            &Switch::new(target),
            ChangeRequest::new(operation, Some("p4"), Duration::from_secs(20)),
        )
        .await
        .unwrap_err()
    });
    assert!(
        last.is_untouched() || matches!(last, ChangeError::Undone { .. }),
        "{last}"
    );
}
