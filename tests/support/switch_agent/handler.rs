//! How SNMP requests reach the switch's memory.

use std::sync::{Arc, Mutex};

use async_snmp::handler::{
    BoxFuture, GetNextResult, GetResult, HandlerResult, MibHandler, PreparedSet, RequestContext,
    SetCommitError, SetCommitResult, SetTestError, SetTestResult, SetUndoResult,
};
use async_snmp::pdu::PduType;
use async_snmp::{Oid, Value, VarBind};

use super::bridge::Bridge;
use super::{Moment, State};

/// The state, and the subtree that this handler answers for.
pub(super) struct Handler(pub Arc<Mutex<State>>, pub Oid);

struct Prepared(Arc<Mutex<State>>);

impl PreparedSet for Prepared {
    fn commit<'a>(
        &'a mut self,
        ctx: &'a RequestContext,
        oid: &'a Oid,
        value: &'a Value,
    ) -> BoxFuture<'a, SetCommitResult> {
        Box::pin(async move {
            let (delay, done) = {
                let mut s = self.0.lock().unwrap();
                let id = ctx.request_id();
                s.apply(id, oid, value);
                let last = s.committed.get(&id) == s.tested.get(&id);
                if last {
                    let n = s.pdus;
                    s.at(Moment::SetDone(n));
                }
                let done = match s.faults.fails_after_doing {
                    true => Err(SetCommitError::Failed),
                    false => Ok(()),
                };
                (s.faults.set_delay, if last { done } else { Ok(()) })
            };
            if !delay.is_zero() {
                tokio::time::sleep(delay).await;
            }
            done
        })
    }

    fn undo<'a>(
        &'a mut self,
        _: &'a RequestContext,
        _: &'a Oid,
        _: &'a Value,
    ) -> BoxFuture<'a, SetUndoResult> {
        Box::pin(async { Ok(()) })
    }
}

impl MibHandler for Handler {
    fn get<'a>(
        &'a self,
        ctx: &'a RequestContext,
        oid: &'a Oid,
    ) -> BoxFuture<'a, HandlerResult<GetResult>> {
        Box::pin(async move {
            let (value, first, delay) = {
                let mut s = self.0.lock().unwrap();
                let n = s.gets.entry(ctx.request_id()).or_default();
                *n += 1;
                let first = *n == 1;
                (s.table().get(oid).cloned(), first, s.faults.get_delay)
            };
            if first && !delay.is_zero() {
                tokio::time::sleep(delay).await;
            }
            Ok(value.map_or(GetResult::NoSuchInstance, GetResult::Value))
        })
    }

    fn get_next<'a>(
        &'a self,
        ctx: &'a RequestContext,
        oid: &'a Oid,
    ) -> BoxFuture<'a, HandlerResult<GetNextResult>> {
        Box::pin(async move {
            let mut s = self.0.lock().unwrap();
            if matches!(
                ctx.pdu_type(),
                PduType::GetNextRequest | PduType::GetBulkRequest
            ) {
                s.walks += 1;
                s.at(Moment::Walk);
            }
            Ok(match s.table().get_next(oid) {
                Some((o, v)) if o.starts_with(&self.1) => {
                    GetNextResult::Value(VarBind::new(o.clone(), v.clone()))
                }
                Some(_) | None => GetNextResult::EndOfMibView,
            })
        })
    }

    fn test_set<'a>(
        &'a self,
        ctx: &'a RequestContext,
        oid: &'a Oid,
        value: &'a Value,
    ) -> BoxFuture<'a, SetTestResult> {
        Box::pin(async move {
            let mut s = self.0.lock().unwrap();
            s.sets.push((oid.to_string(), value.clone()));
            let nth = s.tested.entry(ctx.request_id()).or_default();
            *nth += 1;
            let nth = *nth;
            if nth == 1 {
                s.pdus += 1;
                let n = s.pdus;
                if let Some(after) = s.faults.forgets {
                    let (ports, bridge, state) =
                        (s.ports.clone(), s.bridge.clone(), self.0.clone());
                    tokio::spawn(async move {
                        tokio::time::sleep(after).await;
                        let mut s = state.lock().unwrap();
                        (s.ports, s.bridge) = (ports, bridge);
                    });
                }
                s.at(Moment::SetComes(n));
            }
            if s.faults
                .wrong_type
                .as_ref()
                .is_some_and(|c| oid.arcs().starts_with(c))
            {
                return Err(SetTestError::WrongType);
            }
            if let (Some(bridge), true) = (&s.bridge, Bridge::has(oid)) {
                bridge.test(oid, value)?;
            }
            if nth > 1 && s.faults.one_per_pdu {
                return Err(SetTestError::ResourceUnavailable);
            }
            let admin = matches!(value, Value::Integer(_));
            if s.faults.refuses_but_does {
                s.apply(ctx.request_id(), oid, value);
                return Err(SetTestError::GeneralFailure);
            }
            if (admin && s.faults.admin_read_only) || (!admin && s.faults.alias_read_only) {
                return Err(SetTestError::NotWritable);
            }
            Ok(Box::new(Prepared(self.0.clone())) as Box<dyn PreparedSet>)
        })
    }
}
