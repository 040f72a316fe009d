//! The gate: while the service is not ready, new connections to it are dropped, not refused, so that
//! cameras try again in a second instead of backing off.
//!
//! One nftables table per peer, named after it, holds one rule and the set that it looks into, whose one element has a
//! timeout: the kernel opens the gate by itself when nobody closes it again, and taking the table away opens it at once.
//! What closes it is given [`DEADLINE`], so that it is closed again in time; what opens it, what the caller has patience for.

use std::net::Ipv4Addr;
use std::time::Duration;

use super::nft::{self, DEADLINE, NftError};
use crate::host::Programs;

const TABLE_PREFIX: &str = "standin_";
const FAMILY: &str = "ip";
/// A gate that nobody closes again is opened by the kernel after this: our own end, or a hang, locks nobody out.
pub const CLOSED_FOR: Duration = Duration::from_secs(5);
/// The table of a peer. Two peers never share one: everything but letters and digits is written as
/// `_` and two hexadecimal digits.
pub fn table(peer: &str) -> String {
    table_of(TABLE_PREFIX, peer)
}

pub(super) fn table_of(prefix: &str, peer: &str) -> String {
    let mut name = prefix.to_owned();
    for byte in peer.bytes() {
        if byte.is_ascii_alphanumeric() {
            name.push(char::from(byte));
        } else {
            name.push_str(&format!("_{byte:02x}"));
        }
    }
    name
}

/// The rules that close the gate. Adding before deleting makes one transaction of it that works
/// whether the table was there or not. The hook lies before connection tracking and before Docker's
/// port forwarding, which would change the address.
fn closing(table: &str, vip: Ipv4Addr, port: u16) -> String {
    let element = element(vip, port);
    format!(
        "add table {FAMILY} {table}\n\
         delete table {FAMILY} {table}\n\
         table {FAMILY} {table} {{\n\
         \x20 set closed {{\n\
         \x20   type ipv4_addr . inet_service; flags timeout;\n\
         \x20   elements = {{ {element} }}\n\
         \x20 }}\n\
         \x20 chain gate {{\n\
         \x20   type filter hook prerouting priority raw; policy accept;\n\
         \x20   iifname != \"lo\" ip daddr . tcp dport @closed tcp flags & (fin|syn|rst|ack) == syn counter drop\n\
         \x20 }}\n\
         }}\n"
    )
}

fn element(vip: Ipv4Addr, port: u16) -> String {
    format!("{vip} . {port} timeout {}s", CLOSED_FOR.as_secs())
}

/// The element with its whole time again, in one transaction; refused where the table is gone.
fn again(table: &str, vip: Ipv4Addr, port: u16) -> String {
    format!(
        "flush set {FAMILY} {table} closed\nadd element {FAMILY} {table} closed {{ {} }}\n",
        element(vip, port)
    )
}

/// What [`close`] hands to `nft -f -`, for a person.
pub fn rules(peer: &str, vip: Ipv4Addr, port: u16) -> String {
    closing(&table(peer), vip, port)
}

/// Closes the gate of `peer` for [`CLOSED_FOR`]: SYNs to `vip`:`port` from other machines are dropped. Connections from
/// this machine itself, such as a health check, still pass. Again is fine; the last word counts.
///
/// # Errors
/// [`NftError`]; the gate is then as it was before.
pub async fn close(
    programs: &dyn Programs,
    peer: &str,
    vip: Ipv4Addr,
    port: u16,
) -> Result<(), NftError> {
    let doing = format!("close the gate to {vip}:{port}");
    let name = table(peer);
    programs
        .nft(&["-f", "-"], &closing(&name, vip, port), DEADLINE, &doing)
        .await?;
    prove(programs, &name, true, DEADLINE, doing).await
}

/// Keeps a closed gate closed for another [`CLOSED_FOR`]. True if it was gone, because somebody flushed the rules, and is
/// there again.
///
/// # Errors
/// [`NftError`]; the kernel opens the gate when the time that it had is over.
pub async fn keep_closed(
    programs: &dyn Programs,
    peer: &str,
    vip: Ipv4Addr,
    port: u16,
) -> Result<bool, NftError> {
    let doing = format!("keep the gate to {vip}:{port} closed");
    match programs
        .nft(
            &["-f", "-"],
            &again(&table(peer), vip, port),
            DEADLINE,
            &doing,
        )
        .await
    {
        Ok(_) => Ok(false),
        Err(NftError::Refused { .. }) => close(programs, peer, vip, port).await.map(|()| true),
        Err(e) => Err(e),
    }
}

/// Opens the gate of `peer`; each `nft` of it is given `within`. An open one is fine.
///
/// # Errors
/// [`NftError`]; cameras may still be locked out: try again.
pub async fn open(programs: &dyn Programs, peer: &str, within: Duration) -> Result<(), NftError> {
    let name = table(peer);
    remove(programs, &name, within, format!("open the gate of {peer}")).await
}

/// Opens every gate, whoever closed it: after a crash. Returns how many there were.
///
/// # Errors
/// The first [`NftError`].
pub async fn clean_all(programs: &dyn Programs) -> Result<usize, NftError> {
    let found = closed(programs).await?;
    for name in &found {
        let doing = format!("remove the left-over table {name}");
        remove(programs, name, DEADLINE, doing).await?;
    }
    Ok(found.len())
}

/// The names of the tables of all closed gates.
///
/// # Errors
/// [`NftError`].
pub async fn closed(programs: &dyn Programs) -> Result<Vec<String>, NftError> {
    our_tables(programs, DEADLINE).await
}

async fn our_tables(programs: &dyn Programs, within: Duration) -> Result<Vec<String>, NftError> {
    let tables = nft::tables(programs, Some(FAMILY), within).await?;
    Ok(ours(&tables))
}

/// The names of our gates among these tables (family and name of each).
pub fn ours(tables: &[String]) -> Vec<String> {
    let head = format!("{FAMILY} ");
    let names = tables.iter().filter_map(|t| t.strip_prefix(&head));
    let ours = names.filter(|name| name.starts_with(TABLE_PREFIX));
    ours.map(str::to_owned).collect()
}

async fn remove(
    programs: &dyn Programs,
    name: &str,
    within: Duration,
    doing: String,
) -> Result<(), NftError> {
    let rules = format!("add table {FAMILY} {name}\ndelete table {FAMILY} {name}\n");
    programs.nft(&["-f", "-"], &rules, within, &doing).await?;
    prove(programs, name, false, within, doing).await
}

async fn prove(
    programs: &dyn Programs,
    name: &str,
    expected: bool,
    within: Duration,
    doing: String,
) -> Result<(), NftError> {
    let there = our_tables(programs, within)
        .await?
        .iter()
        .any(|t| t == name);
    if there == expected {
        return Ok(());
    }
    Err(NftError::Unproven {
        doing,
        table: name.to_owned(),
        state: if there { "still there" } else { "not there" },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_peers_share_a_table_and_no_name_breaks_out_of_it() {
        assert_eq!(table("slave1"), "standin_slave1");
        assert_eq!(table("a-b"), "standin_a_2db");
        assert_eq!(table("a_b"), "standin_a_5fb");
        assert_eq!(table("x {\n"), "standin_x_20_7b_0a");
    }

    #[test]
    fn the_closing_rules_are_one_transaction() {
        let rules = closing("standin_s", Ipv4Addr::new(192, 168, 1, 101), 1935);
        let expected = r#"add table ip standin_s
delete table ip standin_s
table ip standin_s {
  set closed {
    type ipv4_addr . inet_service; flags timeout;
    elements = { 192.168.1.101 . 1935 timeout 5s }
  }
  chain gate {
    type filter hook prerouting priority raw; policy accept;
    iifname != "lo" ip daddr . tcp dport @closed tcp flags & (fin|syn|rst|ack) == syn counter drop
  }
}
"#;
        assert_eq!(rules, expected);
    }

    #[test]
    fn only_our_tables_are_ours() {
        let listing = [
            "ip filter",
            "ip standin_a",
            "inet standin_b",
            "ip mystandin_c",
        ];
        assert_eq!(ours(&listing.map(str::to_owned)), ["standin_a"]);
    }
}
