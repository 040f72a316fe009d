//! A whole table, row after row, from agents as they are: rows out of order, GETBULK not known, too much asked at once.
//!
//! What ends a walk is the end of the column or a row that was there already, not a smaller index: some agents give
//! their rows in the order in which they were made.

use std::collections::BTreeSet;

use async_snmp::{Error, ErrorStatus, Version};

use super::client::Asker;
use super::wire::{ours, theirs, value};
use super::{SnmpError, UdpSnmp};
use crate::rt::{self, Instant};
use crate::switch::model::value::{Oid, Value};

/// A walk that yields more rows than this is cut off with an error.
const WALK_MAX: usize = 50_000;

type Row = (async_snmp::Oid, async_snmp::Value);

/// The rows so far. Pure.
struct Walked<'a> {
    column: &'a Oid,
    rows: Vec<(Oid, Value)>,
    seen: BTreeSet<Oid>,
    /// What the next step asks to go on from.
    from: Oid,
    /// It went round once, and was begun again from the greatest row.
    is_resumed: bool,
}

impl<'a> Walked<'a> {
    fn new(column: &'a Oid) -> Walked<'a> {
        Walked {
            column,
            rows: Vec::new(),
            seen: BTreeSet::new(),
            from: column.clone(),
            is_resumed: false,
        }
    }

    /// Takes what a step yielded; true if there may be more.
    fn take(&mut self, rows: impl IntoIterator<Item = (Oid, Option<Value>)>) -> bool {
        let before = self.rows.len();
        for (oid, value) in rows {
            let Some(value) = value.filter(|_| oid.after(self.column).is_some()) else {
                return false;
            };
            if !self.seen.insert(oid.clone()) {
                return self.resume();
            }
            self.from = oid.clone();
            self.rows.push((oid, value));
        }
        self.rows.len() > before
    }

    /// The agent goes round. Rows may still come after the greatest one, where the way round left them out.
    fn resume(&mut self) -> bool {
        let greatest = self.seen.last().cloned();
        match greatest {
            Some(greatest) if !self.is_resumed && greatest != self.from => {
                self.is_resumed = true;
                self.from = greatest;
                true
            }
            _ => false,
        }
    }
}

impl UdpSnmp {
    /// All rows below `column`, sorted.
    pub(in crate::switch) async fn walk_table(
        &self,
        request: &str,
        column: &Oid,
    ) -> Result<Vec<(Oid, Value)>, SnmpError> {
        let mut walked = Walked::new(column);
        loop {
            let step = self.step(request, &walked.from).await?;
            let rows = step.into_iter().map(|(oid, v)| {
                let ended = matches!(v, async_snmp::Value::EndOfMibView);
                (ours(&oid), (!ended).then(|| value(&v)))
            });
            let more = walked.take(rows);
            if walked.rows.len() > WALK_MAX {
                return Err(SnmpError::BadAnswer {
                    at: self.attempt(request),
                    came_back: format!("more than {WALK_MAX} rows"),
                });
            }
            if !more {
                walked.rows.sort_by(|(a, _), (b, _)| a.cmp(b));
                return Ok(walked.rows);
            }
        }
    }

    /// The rows after `from`; none at the end of all that the agent has.
    async fn step(&self, request: &str, from: &Oid) -> Result<Vec<Row>, SnmpError> {
        let _turn = self.turn.lock().await;
        let from = [theirs(from)];
        let mut anew = false;
        loop {
            let client = self.client(request).await?;
            let rows = match client.version() {
                Version::V1 => 1,
                // What knows no GETBULK is asked for one row when it does not answer; where nothing was ever answered
                // that would only be waited for twice.
                _ if !self.has_answered() => 1,
                _ => self.habits().rows,
            };
            let since = Instant::now();
            let got = next(&client, &from, rows).await;
            let e = match got {
                Ok(got) => {
                    self.answered(since).await;
                    return Ok(got);
                }
                Err(e) => e,
            };
            match e.exchange_source() {
                // SNMPv1 has no other word for the end.
                Error::Snmp {
                    status: ErrorStatus::NoSuchName,
                    ..
                } if rows == 1 => return Ok(Vec::new()),
                Error::Snmp {
                    status: ErrorStatus::TooBig,
                    ..
                } if rows > 1 => self.habits().rows = rows / 2,
                // Some agents refuse GETBULK, some do not answer it at all.
                Error::Snmp { .. } | Error::Timeout { .. } if rows > 1 => {
                    let one = next(&client, &from, 1);
                    if let Ok(Ok(got)) = rt::timeout(self.target.timeout, one).await {
                        self.habits().rows = 1;
                        self.answered(since).await;
                        return Ok(got);
                    }
                    if anew || !self.is_found_anew(&e).await {
                        return Err(self.failed(request, &e).await);
                    }
                    anew = true;
                }
                _ if !anew && self.is_found_anew(&e).await => anew = true,
                _ => return Err(self.failed(request, &e).await),
            }
        }
    }
}

/// One request: GETBULK, or GETNEXT for one row.
async fn next(
    client: &Asker,
    from: &[async_snmp::Oid; 1],
    rows: u32,
) -> async_snmp::Result<Vec<Row>> {
    let binds = if rows > 1 {
        client.get_bulk(from, rows).await?
    } else {
        client.get_next(&from[0]).await?.varbinds
    };
    Ok(binds.into_iter().map(|b| (b.oid, b.value)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Walks an agent whose rows stand in this order, so many a step; `None` goes on where the order says.
    fn walk(order: &[u32], at_once: usize) -> Vec<u32> {
        let column = Oid::new([1, 9]);
        let mut walked = Walked::new(&column);
        let next = |from: &Oid| -> Vec<(Oid, Option<Value>)> {
            let after = from.arcs().get(2);
            let at = after.map_or(0, |a| order.iter().position(|o| o == a).unwrap() + 1);
            let below = order[at..]
                .iter()
                .map(|n| (Oid::new([1, 9, *n]), Some(Value::Int(1))));
            let end = [(Oid::new([1, 10, 1]), Some(Value::Int(2)))];
            below.chain(end).take(at_once).collect()
        };
        for _ in 0..1000 {
            let rows = next(&walked.from);
            if !walked.take(rows) {
                return walked
                    .rows
                    .iter()
                    .map(|(o, _)| *o.arcs().last().unwrap())
                    .collect();
            }
        }
        panic!("it never ends");
    }

    #[test]
    fn rows_out_of_order_are_all_read() {
        for at_once in [1, 2, 3, 40] {
            let all = [6, 7, 1, 2, 3, 4, 5];
            assert_eq!(walk(&all, at_once), all, "{at_once}");
            assert_eq!(walk(&[9, 8, 7], at_once), [9, 8, 7]);
            assert_eq!(walk(&[1], at_once), [1]);
            assert!(walk(&[], at_once).is_empty());
        }
    }

    #[test]
    fn an_agent_that_goes_round_or_stands_still_ends_with_what_it_had() {
        let column = Oid::new([1, 9]);
        let row = |n: u32| (Oid::new([1, 9, n]), Some(Value::Int(1)));
        let mut walked = Walked::new(&column);
        assert!(walked.take([row(3), row(1), row(2)]));
        // Round it goes; from the greatest there is one more.
        assert!(walked.take([row(3)]));
        assert_eq!(walked.from, Oid::new([1, 9, 3]));
        assert!(walked.take([row(4)]));
        assert!(!walked.take([row(3)]) && walked.rows.len() == 4);
        let mut stuck = Walked::new(&column);
        assert!(stuck.take([row(5)]));
        assert!(!stuck.take([row(5)]));
        assert!(!Walked::new(&column).take([]));
    }
}
