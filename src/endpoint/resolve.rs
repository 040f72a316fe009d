//! Names of servers.

use tokio::net::lookup_host;

/// The first address of a name, with the port.
///
/// # Errors
/// It leads nowhere.
pub async fn first(host: &str, port: u16) -> Result<String, String> {
    let unknown = |why: &str| {
        format!(
            "the name {host} cannot be looked up: {why}; give the address, so that alerts do not need DNS"
        )
    };
    let found = lookup_host((host, port)).await;
    let mut found = found.map_err(|e| unknown(&e.to_string()))?;
    let first = found.next().ok_or_else(|| unknown("it has no address"))?;
    Ok(first.to_string())
}
