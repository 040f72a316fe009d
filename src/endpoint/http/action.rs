//! A change told over HTTP: tried until it is read back, or the time is over.

use std::time::Duration;

use hyper::header::{HeaderName, HeaderValue};
use serde_json::Value;

use super::client::Client;
use super::error::{Fault, HttpError, Phase};
use super::exchange::{Response, exchange};
use super::request::{ReadBack, Rendered, Request, holds};
use super::statuses::Statuses;
use crate::rt::{self, Instant};

/// What is told, and what then must hold.
#[derive(Clone, Debug)]
pub struct Action {
    /// What is told.
    pub request: Request,
    /// What proves it. Without it, a status is all there is, and it is told so.
    pub read_back: Option<ReadBack>,
}

/// How long it may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// In all.
    pub within: Duration,
    /// One request.
    pub try_within: Duration,
    /// After the first try; twice as long after each, up to eight times.
    pub pause: Duration,
}

/// What was done.
#[derive(Clone, Debug, PartialEq)]
pub struct Done {
    /// It held already; nothing was told.
    pub already: bool,
    /// It holds although no answer said so.
    pub reply_lost: bool,
    /// It was read back.
    pub is_proven: bool,
    /// What stood there before, where it could be read.
    pub before: Option<Value>,
    /// How often it was told.
    pub tries: u32,
    /// How long it took.
    pub took: Duration,
}

/// What was read at the pointer: the value, if there is one, and whether it is the expected one.
type Found = (Option<Value>, bool);

/// Tells it, unless it holds already, and reads it back; the key is the same for all tries of this change.
///
/// # Errors
/// Why it is not done, and whether that is known.
pub async fn perform(
    client: &Client,
    action: &Action,
    facts: &Value,
    idempotency_key: &str,
    limits: Limits,
) -> Result<Done, HttpError> {
    let begun = Instant::now();
    let deadline = begun + limits.within;
    let error = |fault, tries, is_unclear| HttpError {
        request: action.request.title(),
        fault,
        tries,
        is_unclear,
    };
    let request = action.request.render(facts);
    let request = request.map_err(|e| error(Fault::Unfit(e), 0, false))?;
    let key = HeaderValue::from_str(idempotency_key);
    let key =
        key.map_err(|e| error(Fault::Unfit(format!("the idempotency key: {e}")), 0, false))?;
    let key = [(HeaderName::from_static("idempotency-key"), key)];
    let request_error = |fault, tries, is_unclear| HttpError {
        request: format!("{} {}", request.method, request.url),
        fault,
        tries,
        is_unclear,
    };
    let until = |at: Instant| (Instant::now() + limits.try_within).min(at);
    // Kept back, so that what was told last can be read back.
    let kept = match action.read_back {
        Some(_) => limits.try_within.min(limits.within / 4),
        None => Duration::ZERO,
    };
    let told_by = begun + (limits.within - kept);

    let mut before = None;
    if let Some(read_back) = &action.read_back {
        let found = read(client, read_back, facts, until(told_by)).await;
        match found {
            Ok((value, true)) => {
                return Ok(Done {
                    already: true,
                    reply_lost: false,
                    is_proven: true,
                    before: value,
                    tries: 0,
                    took: begun.elapsed(),
                });
            }
            Ok((value, false)) => before = value,
            Err(fault @ Fault::Unfit(_)) => return Err(error(fault, 0, false)),
            // What it says will be told by what follows.
            Err(_) => {}
        }
    }
    let mut tries = 0;
    let mut pause = limits.pause;
    let mut may_be_done = false;
    let mut longest: Option<(Phase, u64)> = None;
    let mut heard: Option<Fault> = None;
    loop {
        tries += 1;
        let is_cut = told_by < Instant::now() + limits.try_within;
        let answer = exchange(client, &request, &key, until(told_by)).await;
        let told =
            answer.and_then(|answer| judge(client, action.request.expect(), answer).map(|_| ()));
        let mut fault = match (&told, &action.read_back) {
            (Ok(()), None) => {
                return Ok(Done {
                    already: false,
                    reply_lost: false,
                    is_proven: false,
                    before,
                    tries,
                    took: begun.elapsed(),
                });
            }
            (Ok(()), Some(read_back)) => {
                match wait_until_held(client, read_back, facts, limits, deadline).await {
                    Ok(()) => {
                        return Ok(Done {
                            already: false,
                            reply_lost: false,
                            is_proven: true,
                            before,
                            tries,
                            took: begun.elapsed(),
                        });
                    }
                    Err(fault @ Fault::NotHeld { .. }) => {
                        return Err(request_error(fault, tries, false));
                    }
                    Err(fault) => {
                        return Err(HttpError {
                            request: read_back.request().title(),
                            fault,
                            tries,
                            is_unclear: true,
                        });
                    }
                }
            }
            (Err(fault), _) => fault.clone(),
        };
        // The last try has only what is left of the time: how long was waited is told of the longest.
        if let (Fault::Timeout { phase, after_ms }, Some((before, longest))) = (&mut fault, longest)
            && *phase == before
        {
            *after_ms = longest.max(*after_ms);
        }
        if let Fault::Timeout { phase, after_ms } = fault {
            longest = Some((phase, after_ms));
        }
        may_be_done |= fault.may_be_done();
        if let Some(read_back) = &action.read_back
            && may_be_done
        {
            match read(client, read_back, facts, until(deadline)).await {
                Ok((_, true)) => {
                    return Ok(Done {
                        already: false,
                        reply_lost: true,
                        is_proven: true,
                        before,
                        tries,
                        took: begun.elapsed(),
                    });
                }
                Ok((_, false)) => may_be_done = false,
                Err(_) => {}
            }
        }
        if let Fault::Status {
            retry_after_s: Some(seconds),
            ..
        } = &mut fault
        {
            pause = pause.max(Duration::from_secs(*seconds));
        }
        let is_timeout = matches!(fault, Fault::Timeout { .. });
        if !fault.may_pass() || Instant::now() + pause >= told_by {
            // A try that the end has cut short says less than one that had its time.
            let said = heard.filter(|_| is_timeout && is_cut).unwrap_or(fault);
            return Err(request_error(said, tries, may_be_done));
        }
        if !is_timeout {
            heard = Some(fault);
        }
        rt::sleep(pause).await;
        pause = (pause * 2).min(limits.pause * 8).max(limits.pause);
    }
}

/// Sends a request once; a status that is not among the expected ones is an error.
///
/// # Errors
/// How far it came, and why not further.
pub async fn send(
    client: &Client,
    request: &Rendered,
    expect: &Statuses,
    deadline: Instant,
) -> Result<Response, Fault> {
    let answer = exchange(client, request, &[], deadline).await?;
    judge(client, expect, answer)
}

fn judge(client: &Client, expect: &Statuses, answer: Response) -> Result<Response, Fault> {
    if expect.contains(answer.status) {
        return Ok(answer);
    }
    Err(Fault::Status {
        status: answer.status,
        expected: expect.clone(),
        begins: answer.begins(client),
        retry_after_s: answer.retry_after_s(),
    })
}

/// What stands at the pointer now; `None`: nothing.
///
/// # Errors
/// It could not be read.
pub async fn read_value(
    client: &Client,
    read_back: &ReadBack,
    facts: &Value,
    within: Duration,
) -> Result<Option<Value>, HttpError> {
    let found = read(client, read_back, facts, Instant::now() + within).await;
    found.map(|(value, _)| value).map_err(|fault| HttpError {
        request: read_back.request().title(),
        fault,
        tries: 1,
        is_unclear: false,
    })
}

async fn read(
    client: &Client,
    read_back: &ReadBack,
    facts: &Value,
    deadline: Instant,
) -> Result<Found, Fault> {
    let expected = read_back.expected(facts).map_err(Fault::Unfit)?;
    let request = read_back.request().render(facts).map_err(Fault::Unfit)?;
    let answer = send(client, &request, read_back.request().expect(), deadline).await?;
    let json: Value = serde_json::from_slice(&answer.body)
        .map_err(|e| Fault::NoJson(format!("{e}; it begins: {}", answer.begins(client))))?;
    let value = json.pointer(read_back.pointer()).cloned();
    let is_held = value.as_ref().is_some_and(|v| holds(v, &expected));
    Ok((value, is_held))
}

/// What was taken may show a little later.
async fn wait_until_held(
    client: &Client,
    read_back: &ReadBack,
    facts: &Value,
    limits: Limits,
    deadline: Instant,
) -> Result<(), Fault> {
    let mut pause = limits.pause;
    loop {
        let until = (Instant::now() + limits.try_within).min(deadline);
        let fault = match read(client, read_back, facts, until).await {
            Ok((_, true)) => return Ok(()),
            Ok((value, false)) => Fault::NotHeld {
                asked: read_back.request().title(),
                pointer: read_back.pointer().to_owned(),
                expected: read_back.expected(facts).map_err(Fault::Unfit)?,
                found: value.map(|v| shown(client, &v)),
            },
            Err(fault) => fault,
        };
        if !fault.may_pass() || Instant::now() + pause >= deadline {
            return Err(fault);
        }
        rt::sleep(pause).await;
        pause = (pause * 2).min(limits.pause * 8);
    }
}

fn shown(client: &Client, value: &Value) -> String {
    let text = client.without_secrets(&value.to_string());
    match text.char_indices().nth(100) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text,
    }
}
