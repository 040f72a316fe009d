//! Fences of one port, one after the other, in one process that keeps what it has, as the daemon does: what
//! `scripts/bench fence` measures as a kept session.
//!
//!     switch_session CONFIG SWITCH PORT [MAC]
//!
//! Each line of standard input is an order: `look` reads the port, as the daemon does all the time; `off` is
//! `standin switch apply port-off`; `fence` is the daemon's at a takeover: on a port that was looked at while all was
//! healthy, marked as ours, with the peer's MAC looked for. Each gives one line of JSON: `ok`, `ms` from the order to the
//! answer or the proof, and `error`. Putting the port back is for others to do.

use std::io::BufRead;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::json;
use standin::config::Config;
use standin::daemon::{around, switches};
use standin::switch::{
    ChangeRequest, FencePort, FenceRequest, FenceTag, Operation, PortIdentity, Switch, change,
    fence,
};
use standin::types::{Epoch, MacAddr};

/// For one order; as the default of `standin switch apply`.
const WITHIN: Duration = Duration::from_secs(20);

type Fault = Box<dyn std::error::Error>;

fn main() -> Result<(), Fault> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [config, switch, port, rest @ ..] = args.as_slice() else {
        return Err("switch_session CONFIG SWITCH PORT [MAC]".into());
    };
    let peer: Option<MacAddr> = rest.first().map(|m| m.parse()).transpose()?;
    // As `standin run` has it.
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let switch = runtime.block_on(open(Path::new(config), switch))?;
    let own = runtime.block_on(own_macs());
    let healthy = runtime.block_on(switch.identity(port))?;
    for (n, order) in std::io::stdin().lock().lines().enumerate() {
        let start = Instant::now();
        let done = match order?.as_str() {
            "look" => runtime.block_on(look(&switch, port)),
            "off" => runtime.block_on(off(&switch, port, &own)),
            "fence" => runtime.block_on(fenced(&switch, &healthy, peer, &own, n)),
            other => Err(format!("no order `{other}`: look, off, fence")),
        };
        let ms = start.elapsed().as_secs_f64() * 1e3;
        println!(
            "{}",
            json!({ "ok": done.is_ok(), "ms": ms, "error": done.err() })
        );
    }
    Ok(())
}

async fn open(path: &Path, name: &str) -> Result<Switch, Fault> {
    let around = around::surroundings(true, path).await;
    let (config, _) = Config::load(path, &around)?;
    let secrets = config.load_secrets()?;
    let entry = config.switches.get(name);
    let entry = entry.ok_or_else(|| format!("there is no switch `{name}`"))?;
    Ok(switches::one(entry, &secrets)?)
}

async fn own_macs() -> Vec<MacAddr> {
    let interfaces = around::interfaces().await.into_iter().flatten();
    interfaces.filter_map(|i| i.mac).collect()
}

async fn look(switch: &Switch, port: &str) -> Result<(), String> {
    match switch.port(port).await {
        Ok(_) => Ok(()),
        Err(e) => Err(e.to_string()),
    }
}

async fn off(switch: &Switch, port: &str, own: &[MacAddr]) -> Result<(), String> {
    let mut request = ChangeRequest::new(Operation::PortOff, Some(port), WITHIN);
    request.own_macs = own.to_vec();
    match change(switch, request).await {
        Ok(proof) if proof.already => Err("it was off already".into()),
        Ok(_) => Ok(()),
        Err(e) => Err(e.to_string()),
    }
}

async fn fenced(
    switch: &Switch,
    healthy: &PortIdentity,
    peer_mac: Option<MacAddr>,
    own: &[MacAddr],
    n: usize,
) -> Result<(), String> {
    let request = FenceRequest {
        ports: vec![FencePort {
            port: healthy.if_name.clone(),
            expected_identity: Some(healthy.clone()),
            expected_alias: None,
        }],
        peer_mac: peer_mac.into(),
        vlan: None,
        own_macs: own.to_vec(),
        tag: FenceTag {
            node: "bench".into(),
            epoch: Epoch(n as u64 + 1),
        },
        aggregates: vec![],
        within: WITHIN,
        progress: None,
    };
    match fence(switch, request).await {
        Ok(_) => Ok(()),
        Err(e) => Err(e.to_string()),
    }
}
