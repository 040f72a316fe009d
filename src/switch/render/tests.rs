use super::*;

fn netgear() -> Profile {
    let text = Profile::built_in_text("generic-qbridge")
        .unwrap()
        .replace("\r", "");
    let cut = text.find("[op.set-access-vlan.snmp]").unwrap_or(text.len());
    let op = r#"
[op.set-access-vlan.snmp]
do = [
  { pdu = [{ set = "pvid", value = "{new}" }] },
  { pdu = [{ set = "untagged", vlan = "old", bit = 0 }], each = "old" },
  { pdu = [{ set = "untagged", vlan = "new", bit = 1, unless_vlan = [1] }, { set = "egress", vlan = "new", bit = 1 }] },
]
prove = [{ get = "pvid", is = "{new}" }, { get = "untagged", vlan = "new", bit = 1 }, { get = "egress", vlan = "old", bit = 0 }]
"#;
    Profile::parse("x", "x.toml", &format!("{}{op}", &text[..cut])).unwrap()
}

fn scene(new: u16, old: &[u16]) -> Scene {
    let list =
        |column: u32, vlan: u32| Oid::new([1, 3, 6, 1, 2, 1, 17, 7, 1, 4, 3, 1, column, vlan]);
    Scene {
        port: Some(PortNumbers {
            if_name: "g3".into(),
            if_index: IfIndex(103),
            bridge_port: Some(3),
        }),
        new: Some(new),
        old: old.to_vec(),
        now: BTreeMap::from([
            (list(2, 20), Value::Bytes(vec![0x80, 0, 0, 0])),
            (list(4, 20), Value::Bytes(vec![0x80])),
            (list(4, 1), Value::Bytes(vec![0xff])),
            (list(4, 7), Value::Bytes(vec![0x20, 0])),
        ]),
        ..Scene::default()
    }
}

#[test]
fn one_pdu_a_step_and_one_for_each_vlan_that_is_left_with_lists_as_long_as_the_longest() {
    let profile = netgear();
    let scene = scene(20, &[1, 7]);
    let steps = Renderer::new(&profile, "set-access-vlan", &scene)
        .unwrap()
        .steps()
        .unwrap();
    let told: Vec<Vec<(String, Value)>> = steps
        .into_iter()
        .map(|s| match s {
            Rendered::Pdu { vars, .. } => {
                vars.into_iter().map(|v| (v.oid.named(), v.value)).collect()
            }
            other => panic!("{other:?}"),
        })
        .collect();
    let bytes = |b: &[u8]| Value::Bytes(b.to_vec());
    assert_eq!(
        told,
        [
            vec![("dot1qPvid.3".to_owned(), Value::Uint(20))],
            vec![(
                "dot1qVlanStaticUntaggedPorts.1".to_owned(),
                bytes(&[0xdf, 0, 0, 0])
            )],
            vec![(
                "dot1qVlanStaticUntaggedPorts.7".to_owned(),
                bytes(&[0, 0, 0, 0])
            )],
            vec![
                (
                    "dot1qVlanStaticUntaggedPorts.20".to_owned(),
                    bytes(&[0xa0, 0, 0, 0])
                ),
                (
                    "dot1qVlanStaticEgressPorts.20".to_owned(),
                    bytes(&[0xa0, 0, 0, 0])
                ),
            ],
        ]
    );
}

#[test]
fn a_row_may_be_left_out_for_a_vlan_and_the_proof_names_every_vlan_that_was_left() {
    let profile = netgear();
    let scene = scene(1, &[20]);
    let r = Renderer::new(&profile, "set-access-vlan", &scene).unwrap();
    let last = r.steps().unwrap().pop().unwrap();
    let Rendered::Pdu { vars, .. } = last else {
        panic!("{last:?}")
    };
    assert_eq!(vars.len(), 1, "untagged is implicit in VLAN 1: {vars:?}");
    let proofs: Vec<String> = r.proofs().unwrap().iter().map(|p| p.oid.named()).collect();
    assert_eq!(
        proofs,
        [
            "dot1qPvid.3",
            "dot1qVlanStaticUntaggedPorts.1",
            "dot1qVlanStaticEgressPorts.20"
        ]
    );
}

#[test]
fn what_the_scene_lacks_is_said() {
    let profile = netgear();
    let mut s = scene(20, &[]);
    let err = Renderer::new(&profile, "set-access-vlan", &s)
        .unwrap()
        .proofs()
        .map(|p| p.len());
    assert_eq!(err, Ok(2), "without an old VLAN there is nothing to leave");
    s.port.as_mut().unwrap().bridge_port = None;
    let err = Renderer::new(&profile, "set-access-vlan", &s)
        .unwrap()
        .steps()
        .unwrap_err();
    assert!(err.to_string().contains("dot1dBasePort"), "{err}");
    s.port = None;
    let err = Renderer::new(&profile, "set-access-vlan", &s)
        .unwrap()
        .steps()
        .unwrap_err();
    assert!(err.to_string().contains("about a port"), "{err}");
}

#[test]
fn a_proof_is_met_by_the_value_and_by_nothing_else() {
    let p = netgear();
    let bit = Expected::Bit {
        number: 3,
        on: false,
    };
    assert!(bit.is_met(&p, &Value::Bytes(vec![0xdf])));
    assert!(!bit.is_met(&p, &Value::Bytes(vec![0x20])));
    assert!(bit.is_met(&p, &Value::Absent));
    assert!(
        !Expected::Bit {
            number: 3,
            on: true
        }
        .is_met(&p, &Value::Absent)
    );
    assert!(!Expected::Numbers(vec![20]).is_met(&p, &Value::Bytes(vec![20])));
    assert!(Expected::Numbers(vec![20]).is_met(&p, &Value::Int(20)));
}

#[test]
fn port_off_for_two_ports_is_one_pdu_of_two_integers_in_order() {
    let p = Profile::find("generic-qbridge", None).unwrap();
    let pdus = render_together(&p, "port-off", &[IfIndex(7), IfIndex(10101)]).unwrap();
    let flat: Vec<(String, Value)> = pdus
        .concat()
        .into_iter()
        .map(|v| (v.oid.named(), v.value))
        .collect();
    assert_eq!(pdus.len(), 1);
    assert_eq!(
        flat,
        [
            ("ifAdminStatus.7".into(), Value::Int(2)),
            ("ifAdminStatus.10101".into(), Value::Int(2))
        ]
    );
    assert_eq!(proving(&p, "port-off", "oper"), [2, 6, 7]);
}

#[test]
fn the_tag_is_the_alias_octet_by_octet_and_an_unknown_operation_is_said() {
    let p = Profile::find("generic-qbridge", None).unwrap();
    let pdus = render(&p, "tag", IfIndex(7), &[0xff, b'a']).unwrap();
    assert_eq!(pdus[0][0].value, Value::Bytes(vec![0xff, b'a']));
    let err = render(&p, "poe-cycle", IfIndex(7), b"").unwrap_err();
    assert_eq!(
        err.to_string(),
        "the profile generic-qbridge cannot do poe-cycle: it has no such operation over SNMP"
    );
}

#[test]
fn a_row_of_the_current_table_is_found_by_its_mark_counts_where_told_and_keeps_its_own_length() {
    let profile = Profile::find("generic-qbridge", None).unwrap();
    let mut scene = scene(20, &[1]);
    let current = |op: &Renderer<'_>| -> Vec<(String, bool)> {
        let proofs = op.proofs().unwrap().into_iter();
        let current = proofs.filter(|p| p.object.ends_with("_now"));
        current.map(|p| (p.oid.named(), p.while_up)).collect()
    };
    scene.marks = BTreeMap::from([("egress_now".into(), BTreeMap::from([(1, 6527)]))]);
    scene.untold = ["untagged_now".to_owned()].into();
    let op = Renderer::new(&profile, "set-access-vlan", &scene).unwrap();
    assert_eq!(
        current(&op),
        [
            ("dot1qVlanCurrentEgressPorts.0.20".to_owned(), true),
            ("dot1qVlanCurrentEgressPorts.6527.1".to_owned(), false)
        ]
    );
    let instances = op.instances().unwrap();
    assert!(instances.iter().all(|(name, _)| name != "untagged_now"));
    assert!(instances.iter().any(|(name, _)| name == "oper"));

    let long = current_list(&instances, "egress_now");
    scene.now.insert(long, Value::Bytes(vec![0xff; 512]));
    let steps = Renderer::new(&profile, "set-access-vlan", &scene)
        .unwrap()
        .steps()
        .unwrap();
    let lists = steps.iter().flat_map(|s| match s {
        Rendered::Pdu { vars, .. } => vars.as_slice(),
        _ => &[],
    });
    for list in lists.filter(|v| v.kind == Kind::PortList) {
        assert!(
            matches!(&list.value, Value::Bytes(b) if b.len() <= 4),
            "{list:?}"
        );
    }
}

fn current_list(instances: &[(String, Oid)], object: &str) -> Oid {
    let mut of = instances.iter().filter(|(name, _)| name == object);
    of.next().unwrap().1.clone()
}

#[test]
fn a_scene_begins_with_what_was_ordered_and_with_nothing_else() {
    for (name, words) in crate::switch::model::op::tests::ORDERS {
        let words: Vec<String> = words.iter().map(ToString::to_string).collect();
        let scene = Scene::ordered(Operation::from_words(name, &words).unwrap());
        let (new, mac, ip) = (scene.new, scene.mac, scene.ip);
        let meant = [
            mac.map(|m| m.to_string()),
            new.map(|v| v.to_string()),
            ip.map(|i| i.to_string()),
        ];
        let meant: Vec<String> = meant.into_iter().flatten().collect();
        assert_eq!(meant, words, "{name}");
    }
}
