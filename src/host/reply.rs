//! What every machine answers with.

use futures_util::future::BoxFuture;

/// An answer to come.
pub type Reply<'a, T, E> = BoxFuture<'a, Result<T, E>>;
