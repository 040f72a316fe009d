//! A switch that answers anything to a change: it ends, without a panic, and is proven only if the last answers say so.
#![no_main]

mod paused;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use libfuzzer_sys::fuzz_target;
use standin::switch::model::value::{Oid, Value};
use standin::switch::render::SetVar;
use standin::switch::snmp::{Answer, Attempt, Snmp, SnmpError};
use standin::switch::{
    ChangeRequest, Credentials, Operation, Profile, Switch, SwitchTarget, change,
};
use standin::types::VlanId;

/// Answers out of the input, one octet each: some of what a right switch would say, some rubbish.
struct Whim {
    input: Mutex<Vec<u8>>,
}

impl Whim {
    fn next(&self) -> u8 {
        self.input.lock().map_or(0, |mut i| i.pop().unwrap_or(0))
    }

    fn value(&self, oid: &Oid) -> Value {
        let n = self.next();
        match n % 8 {
            0 => Value::Absent,
            1 => Value::Int(i64::from(n / 8)),
            2 => Value::Uint(u64::from(n / 8)),
            3 => Value::Bytes(vec![n; usize::from(n / 32)]),
            4 => Value::Bytes(b"ge1".to_vec()),
            5 => Value::Int(2),
            6 => Value::Oid(oid.clone()),
            _ => Value::Ticks(u32::from(n)),
        }
    }

    fn fails(&self) -> Option<SnmpError> {
        let at = Box::new(Attempt {
            switch: "s".into(),
            address: ([127, 0, 0, 1], 1).into(),
            request: "SET x".into(),
        });
        match self.next() % 6 {
            0 => Some(SnmpError::TooBig { at }),
            1 => Some(SnmpError::Refused {
                at,
                object: "x".into(),
                status: "genErr".into(),
            }),
            2 => Some(SnmpError::Unreachable {
                at,
                waited: Duration::ZERO,
                hint: String::new(),
            }),
            _ => None,
        }
    }
}

impl Snmp for Whim {
    fn get<'a>(&'a self, oids: &'a [Oid]) -> Answer<'a, Vec<Value>> {
        let name = Oid::new([1, 3, 6, 1, 2, 1, 31, 1, 1, 1, 1, 7]);
        let values = oids.iter().map(|o| {
            if *o == name {
                Value::Bytes(b"ge1".to_vec())
            } else {
                self.value(o)
            }
        });
        let values = Ok(values.collect());
        Box::pin(async move { values })
    }

    fn set_many<'a>(&'a self, _: &'a [SetVar]) -> Answer<'a, ()> {
        let answer = self.fails().map_or(Ok(()), Err);
        Box::pin(async move { answer })
    }

    fn walk<'a>(&'a self, column: &'a Oid) -> Answer<'a, Vec<(Oid, Value)>> {
        let name = Oid::new([1, 3, 6, 1, 2, 1, 31, 1, 1, 1, 1]);
        let rows = if *column == name {
            vec![(column.at(&[7]), Value::Bytes(b"ge1".to_vec()))]
        } else {
            let arcs = [[1, 7], [0, 10], [0, 20]];
            arcs.iter()
                .map(|i| (column.at(i), self.value(column)))
                .collect()
        };
        Box::pin(async move { Ok(rows) })
    }

    fn of_vlan(&self, _: u16) -> Option<Arc<dyn Snmp>> {
        None
    }
}

fuzz_target!(|data: &[u8]| {
    let Some((choice, input)) = data.split_first() else {
        return;
    };
    let vlan = VlanId(20);
    let operation = match choice % 5 {
        0 => Operation::PortOff,
        1 => Operation::PortOn,
        2 => Operation::SetAccessVlan(vlan),
        3 => Operation::TrunkAllow(vlan),
        _ => Operation::TrunkRemove(vlan),
    };
    let profile = Profile::find("generic-qbridge", None).expect("the built-in profile is whole");
    let target = SwitchTarget {
        name: "s".into(),
        address: ([127, 0, 0, 1], 1).into(),
        local: None,
        profile: Arc::new(profile),
        credentials: Credentials::V2c {
            community: String::from("c").into(),
        },
        timeout: Duration::from_millis(1),
        retries: 0,
        ssh: None,
        prefer: Vec::new(),
        oper_staleness: Some(Duration::ZERO),
        uplinks: Vec::new(),
        own_ports: Vec::new(),
    };
    let whim = Whim {
        input: Mutex::new(input.to_vec()),
    };
    let switch = Switch::over(target, Box::new(whim));
    let request = ChangeRequest::new(operation, Some("ge1"), Duration::from_secs(3));
    if let Err(e) = paused::run(change(&switch, request)) {
        assert!(!e.to_string().is_empty());
    }
});
