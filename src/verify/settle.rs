//! What a connection means for its camera: whose it is, which rungs it reached, whether it was turned away, and when it
//! is forgotten.

use std::net::Ipv4Addr;

use super::rungs::Rung;
use super::state::owner;
use super::tracker::{Change, Tracker};

impl Tracker {
    /// Gives a connection to its camera and its rungs to the camera.
    pub(super) fn settle(&mut self, at: u64, key: (Ipv4Addr, u16), changes: &mut Vec<Change>) {
        let now = self.now;
        let Some(conn) = self.conns.get_mut(&key) else {
            return;
        };
        let cameras = self.by_address.get(&key.0).map_or(&[][..], |v| v);
        let named = conn.session.published();
        if let Some(published) = named
            && !conn.finished
        {
            conn.owner = owner(&self.cameras, cameras, published);
            conn.other_stream = conn.owner.is_none().then(|| published.path());
            if let Some(path) = conn.other_stream.clone() {
                if conn.session.publish_named() {
                    self.note_unknown(at, key.0, Some(path), false);
                }
                return;
            }
        }
        let Some(i) = conn.owner else { return };
        let state = &mut self.cameras[i];
        let Some(syn) = conn.syn else { return };
        let own = Some((key.1, syn.isn));
        let last = state.by.is_none() && syn.at > state.by_dialled;
        if state.back() && conn.turned_away() && (state.by == own || last) {
            // Of evidence from elsewhere nothing is known to stand against.
            if state.served_at.is_some() {
                state.turned_away();
            }
        } else if state.by == own && conn.ended_by_us == Some(false) {
            // It hung up by itself; the next connection says what became of it.
            state.by = None;
        }
        if conn.finished {
            return;
        }
        state.mark(i, Rung::Syn, syn.at, changes);
        if conn.answered.is_some() && !state.syn_answered {
            state.syn_answered = true;
            state.correct(Rung::Syn, syn.at);
        }
        let Some(handshake) = conn.session.handshake_at() else {
            return;
        };
        state.mark(i, Rung::Handshake, handshake, changes);
        // Where the list names a stream, media counts only when the connection has named it too.
        let known = named.is_some() || state.camera.stream.is_none();
        if !known || conn.turned_away() || !conn.session.served(now) {
            return;
        }
        let Some(media) = conn.session.media_at else {
            return;
        };
        let already = state.back();
        // S2 may be seen after the first media where the capture reordered them.
        state.mark(i, Rung::Media, media.max(handshake), changes);
        (state.by, state.by_dialled) = (own, syn.at);
        state.served_at.get_or_insert(now);
        if !already {
            state.correct(Rung::Syn, syn.at);
            state.correct(Rung::Handshake, handshake);
        }
        // Kept: what it goes on sending is this camera's, not a recorder's next one's, and it may be refused yet.
        self.held -= conn.held_bytes();
        conn.finish();
        self.held += conn.held_bytes();
    }

    pub(super) fn remove(&mut self, key: (Ipv4Addr, u16)) {
        if let Some(conn) = self.conns.remove(&key) {
            self.held -= conn.held_bytes();
        }
    }

    pub(super) fn make_room(&mut self, address: Ipv4Addr, most: usize) {
        while self.conns_of(address).count() >= most {
            let oldest = self.conns_of(address).min_by_key(|(_, c)| c.last_at);
            let Some((key, _)) = oldest else { return };
            let key = *key;
            self.remove(key);
        }
    }
}
