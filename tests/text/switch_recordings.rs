//! Recordings of real switches, decoded by the profile of their family: names, bridge ports, PVIDs, VLANs, forwarding table.
//!
//! What must come out was read from the recordings by another reader than ours. They lie in `../shared/data` beside the
//! checkout and are not part of it: where they are not there, the test says that it was skipped.

use std::path::{Path, PathBuf};
use std::process::Command;

use standin::switch::preflight::{Ask, PortAsk, Verdict, preflight};
use standin::switch::read::table::PortRow;
use standin::switch::recording::Recording;
use standin::switch::{Profile, Switch};

/// One recording, and what is in it.
struct Case {
    /// Below the folder of data.
    file: &'static str,
    profile: &'static str,
    /// Interfaces with a name; of them with a bridge port; with a PVID; untagged memberships, tagged memberships and
    /// learned addresses of all ports together.
    counts: [usize; 6],
    /// Some ports whole: name, ifIndex, bridge port, PVID, untagged, tagged, number of addresses and the lowest of them
    /// with its VLAN. `-`: the recording does not tell.
    ports: &'static [&'static str],
}

const RECORDINGS: &[Case] = &[
    Case {
        file: "snmprec/arubaos-cx_10.16.snmprec",
        profile: "aruba-cx",
        counts: [33, 27, 27, 0, 0, 132],
        ports: &[
            "1/1/1|1|1|1|-|-|18 00:50:56:5e:0c:17@123",
            "1/1/27|27|27|1|-|-|102 00:05:1e:09:4d:d5@123",
            "lag1|769|769|0|-|-|0",
            "eth0|268435456|-|-|-|-|-",
        ],
    },
    Case {
        file: "snmprec/ciscosb_cbs350.snmprec",
        profile: "cisco-smb",
        counts: [43, 36, 36, 36, 0, 9],
        ports: &[
            "gi1|1|1|1|10||0",
            "gi17|17|17|1|10||2 00:00:23:0d:8f:6c@10",
            "Po8|1007|1007|1|1||0",
            "10|100009|-|-|-|-|-",
        ],
    },
    Case {
        file: "snmprec/comware_a5500.snmprec",
        profile: "hpe-comware",
        counts: [30, 28, 28, 14, 55, 104],
        ports: &[
            "GigabitEthernet1/0/1|1|1|40||10,35,41|6 00:50:56:8f:83:64@10",
            "GigabitEthernet1/0/26|26|26|1||10,20,25,30,41,42,55|57 00:00:48:d3:65:55@20",
            "GigabitEthernet1/0/28|28|28|40|40||0",
            "Vlan-interface10|33|-|-|-|-|-",
        ],
    },
    Case {
        file: "snmprec/cumulus_edgecore-as4610-54p.snmprec",
        profile: "cumulus-nvue",
        counts: [57, 49, 49, 0, 0, 628],
        ports: &[
            "lo|1|-|-|-|-|-",
            "swp1|3|1|141|-|-|1 8c:ea:1b:fb:92:81@1",
            "upstream1|55|49|1|-|-|577 00:00:0c:07:ac:01@1",
            "vlan1|57|-|-|-|-|-",
        ],
    },
    Case {
        file: "snmprec/dell-os10.snmprec",
        profile: "dell-os10",
        counts: [36, 30, 0, 27, 1, 0],
        ports: &["mgmt1/1/1|10|32|-|||-", "port-channel1000|49|1|-|1|4094|-"],
    },
    Case {
        file: "snmprec/edgeswitch_usw-flex-xg.snmprec",
        profile: "ubiquiti-edgeswitch",
        counts: [47, 37, 37, 37, 8, 56],
        ports: &[
            "gi1|1|1|30|30||0",
            "te1|2|2|1|1|20,30,40,100|0",
            "te4|5|5|1|1|20,30,40,100|55 00:06:78:1c:70:3d@30",
            "Po32|1031|1031|1|1||0",
        ],
    },
    Case {
        file: "snmprec/ios_c3560.snmprec",
        profile: "cisco-ios",
        counts: [58, 43, 45, 0, 0, 0],
        ports: &[
            "Vl1|1|-|-|-|-|-",
            "Po30|5030|288|1|-|-|-",
            "Gi0/4|10104|28|1|-|-|-",
            "Nu0|10501|-|-|-|-|-",
        ],
    },
    Case {
        file: "snmprec/jetstream_vlans.snmprec",
        profile: "tplink-jetstream",
        counts: [19, 18, 0, 0, 0, 74],
        ports: &[
            "Vlan-interface254|254|-|-|-|-|-",
            "gigabitEthernet 1/0/1 : copper|49153|49153|-|-|-|0",
            "gigabitEthernet 1/0/18 : fiber|49170|49170|-|-|-|68 00:14:78:87:45:2c@1000",
        ],
    },
    Case {
        file: "snmprec/junos_qfx5100.snmprec",
        profile: "juniper-junos",
        counts: [50, 8, 8, 6, 12, 2],
        ports: &[
            "ge-0/0/47|512|4104|3884|3884||1 00:00:5e:00:01:16@3884",
            "xe-0/0/0|513|4097|0||23,3856,3884,4002,4004,4005|-",
            "xe-0/0/1|518|4099|0||23,3856,3884,4002,4004,4005|-",
            "ge-0/0/46|530|4102|3884|3884||1 64:f6:9d:37:30:39@3884",
        ],
    },
    Case {
        file: "snmprec/procurve_2520.snmprec",
        profile: "aruba-aos-s",
        counts: [44, 28, 28, 28, 25, 741],
        ports: &[
            "1|1|1|95|95||0",
            "2|2|2|95|95|2044|0",
            "28|28|28|1|1|95,252,450,636,999,2044,2081|729 00:00:5e:00:01:01@1",
            "lo7|4159|-|-|-|-|-",
        ],
    },
    Case {
        file: "snmprec/routeros_crs317.snmprec",
        profile: "mikrotik-routeros",
        counts: [20, 15, 15, 0, 0, 32],
        ports: &[
            "sfp-sfpplus1|1|24|1|-|-|-",
            "sfp-sfpplus8|8|22|1|-|-|31 00:0c:29:17:b9:65@-",
            "server-trunk|22|32|1|-|-|-",
        ],
    },
    Case {
        file: "snmprec/vrp_vlans.snmprec",
        profile: "huawei-vrp",
        counts: [30, 25, 25, 0, 0, 0],
        ports: &[
            "InLoopBack0|1|-|-|-|-|-",
            "GigabitEthernet0/0/1|6|2|1|-|-|-",
            "Eth-Trunk3|31|1|1|-|-|-",
        ],
    },
    Case {
        file: "snmpsim/brocade-icx6430-24.snmprec.bz2",
        profile: "ruckus-icx",
        counts: [29, 28, 28, 0, 0, 18],
        ports: &[
            "ethernet1/1/1|1|1|1|||18 00:0c:29:fb:53:3c@1",
            "ethernet1/2/4|68|68|1|||0",
        ],
    },
    Case {
        file: "snmpsim/cisco-c3560.snmprec.bz2",
        profile: "cisco-ios",
        counts: [57, 0, 49, 0, 0, 0],
        ports: &["Vl1|1|-|-|-|-|-", "Nu0|10501|-|-|-|-|-"],
    },
    Case {
        file: "snmpsim/hpe-procurve-516733-b21.snmprec.bz2",
        profile: "aruba-aos-s",
        counts: [42, 24, 24, 14, 73, 277],
        ports: &[
            "1|1|1|1||50,52,53,70,71,77,78|22 00:50:56:88:02:65@78",
            "17|17|17|1||1,50,52,53,70,71,77,78|217 00:00:0c:07:ac:32@50",
            "24|24|24|1|1||0",
            "lo0|4179|-|-|-|-|-",
        ],
    },
];

/// The protections that preflight looks at.
const CHECKS: [&str; 4] = ["arp-inspection", "source-guard", "port-security", "dot1x"];

/// What the objects of a walk tell of the protections of a port, in the order of [`CHECKS`]. The Catalyst has no objects
/// for ARP inspection and source guard, and for authentication only at ports that can do it; the ICX has no row of 802.1X,
/// and its objects cannot tell that source guard is off.
const PROTECTIONS: &[(&str, &str, &str, [Verdict; 4])] = &[
    (
        "snmpsim/cisco-c3560.snmprec.bz2",
        "cisco-ios",
        "Gi0/1",
        [
            Verdict::NotKnown,
            Verdict::NotKnown,
            Verdict::Ok,
            Verdict::NotKnown,
        ],
    ),
    (
        "snmpsim/cisco-c3560.snmprec.bz2",
        "cisco-ios",
        "Gi0/49",
        [
            Verdict::NotKnown,
            Verdict::NotKnown,
            Verdict::Ok,
            Verdict::Ok,
        ],
    ),
    (
        "snmpsim/hpe-procurve-516733-b21.snmprec.bz2",
        "aruba-aos-s",
        "1",
        [Verdict::Ok, Verdict::Ok, Verdict::Ok, Verdict::Ok],
    ),
    (
        "snmpsim/brocade-icx6430-24.snmprec.bz2",
        "ruckus-icx",
        "ethernet1/1/1",
        [
            Verdict::Ok,
            Verdict::NotKnown,
            Verdict::NotKnown,
            Verdict::NotKnown,
        ],
    ),
];

fn read(path: &Path) -> Vec<u8> {
    if path.extension().is_some_and(|e| e == "bz2") {
        let out = Command::new("bunzip2").arg("-c").arg(path).output();
        let out = out.expect("bunzip2 (Debian package bzip2) is needed for walks of snmpsim-data");
        assert!(out.status.success(), "{}", path.display());
        return out.stdout;
    }
    std::fs::read(path).unwrap()
}

/// A port as the table above has it.
fn line(p: &PortRow) -> String {
    let number = |n: Option<u32>| n.map_or("-".to_owned(), |n| n.to_string());
    let list = |l: &Option<Vec<u32>>| {
        l.as_ref().map_or("-".to_owned(), |l| {
            l.iter().map(u32::to_string).collect::<Vec<_>>().join(",")
        })
    };
    let macs = p.macs.as_ref().map_or("-".to_owned(), |m| match m.first() {
        Some(first) => format!("{} {}@{}", m.len(), first.mac, number(first.vlan)),
        None => "0".to_owned(),
    });
    format!(
        "{}|{}|{}|{}|{}|{}|{macs}",
        p.if_name,
        p.if_index,
        number(p.bridge_port),
        number(p.pvid),
        list(&p.untagged),
        list(&p.tagged)
    )
}

fn counts(ports: &[PortRow]) -> [usize; 6] {
    let sum = |of: fn(&PortRow) -> usize| ports.iter().map(of).sum();
    [
        ports.len(),
        sum(|p| usize::from(p.bridge_port.is_some())),
        sum(|p| usize::from(p.pvid.is_some())),
        sum(|p| p.untagged.as_ref().map_or(0, Vec::len)),
        sum(|p| p.tagged.as_ref().map_or(0, Vec::len)),
        sum(|p| p.macs.as_ref().map_or(0, Vec::len)),
    ]
}

fn folder() -> Option<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = root.join("../shared/data");
    folder.is_dir().then_some(folder)
}

/// A switch that answers as the recording does, with a shipped profile.
fn recorded(folder: &Path, file: &str, profile: &str) -> Switch {
    let octets = read(&folder.join(file));
    let recording = Recording::parse(file, &String::from_utf8_lossy(&octets)).unwrap();
    recording.switch("recording", Profile::find(profile, None).unwrap())
}

#[tokio::test]
async fn every_recording_decodes_into_what_stands_in_it() {
    let Some(folder) = folder() else {
        println!("SKIPPED: the recordings are not beside the checkout (../shared/data)");
        return;
    };
    let mut wrong = Vec::new();
    for r in RECORDINGS {
        let switch = recorded(&folder, r.file, r.profile);
        let ports = switch.port_table().await.unwrap();
        if counts(&ports) != r.counts {
            wrong.push(format!(
                "{}: {:?}, must be {:?}",
                r.file,
                counts(&ports),
                r.counts
            ));
        }
        let lines: Vec<String> = ports.iter().map(line).collect();
        for want in r.ports {
            if !lines.iter().any(|l| l == want) {
                let name = want.split('|').next().unwrap();
                let got = ports
                    .iter()
                    .position(|p| p.if_name == name)
                    .map(|i| &lines[i]);
                wrong.push(format!("{}: must have {want}, has {got:?}", r.file));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
async fn the_protections_of_a_port_are_told_by_the_objects_of_whole_walks() {
    let Some(folder) = folder() else {
        println!("SKIPPED: the recordings are not beside the checkout (../shared/data)");
        return;
    };
    let mut wrong = Vec::new();
    for (file, profile, port, want) in PROTECTIONS {
        let switch = recorded(&folder, file, profile);
        let ask = Ask {
            ports: vec![PortAsk {
                port: (*port).into(),
                whose: "the test's".into(),
                ..PortAsk::default()
            }],
            ..Ask::default()
        };
        let lines = preflight(&switch, &ask).await;
        for (check, want) in CHECKS.iter().zip(want) {
            let line = lines.iter().find(|l| l.check == *check);
            if line.map(|l| l.verdict) != Some(*want) {
                wrong.push(format!(
                    "{file}, {port}, {check}: {line:?}, must be {want:?}"
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
