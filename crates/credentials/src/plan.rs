//! What is to be denied, role by role, worked out from what is posted.

use std::collections::BTreeMap;

use bailiwick_aws::{
    revoke::{self, CutOff, Denial, denial},
    time::Timestamp,
};
use bailiwick_broker::port::{Ended, Op, Post, Session};
use serde::{Deserialize, Serialize};

use crate::sessions::seconds;

/// The keys of posts about an instant begin so.
const CUT_OFF: &str = "cut-off/";

/// An instant as it is posted: all sessions of the role from before it are denied.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct PostedCutOff {
    role: String,
    instant: i64,
    sessions_expire: i64,
}

/// What is posted, read.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    pub(crate) roles: BTreeMap<String, RolePlan>,
    ended: BTreeMap<String, Ended>,
    /// Posts that have one of our keys and cannot be read: they stay, and somebody must look.
    pub(crate) unreadable: Vec<String>,
}

/// What is to be denied of one role.
#[derive(Debug, Default, Clone)]
pub(crate) struct RolePlan {
    ended: Vec<revoke::Ended>,
    cut_off: Option<CutOff>,
    /// The keys of the posts that this comes from.
    cut_off_keys: Vec<String>,
}

impl Plan {
    pub(crate) fn read(posts: &[Post], now: Timestamp) -> Self {
        let mut plan = Self::default();
        for post in posts {
            match Ended::read(post) {
                Some(Ok(ended)) => plan.add(ended, now),
                Some(Err(_)) => plan.unreadable.push(post.key.clone()),
                None if post.key.starts_with(CUT_OFF) => match serde_json::from_slice(&post.body) {
                    Ok(posted) => plan.add_cut_off(post.key.clone(), posted),
                    Err(_) => plan.unreadable.push(post.key.clone()),
                },
                // Somebody else's.
                None => {}
            }
        }
        plan
    }

    fn add(&mut self, ended: Ended, now: Timestamp) {
        for session in &ended.sessions {
            let role = self.roles.entry(session.role.clone()).or_default();
            role.add(&ended.grant, session, now);
        }
        self.ended.insert(ended.grant.clone(), ended);
    }

    fn add_cut_off(&mut self, key: String, posted: PostedCutOff) {
        let role = self.roles.entry(posted.role).or_default();
        let posted = CutOff {
            instant: Timestamp(posted.instant),
            sessions_expire: Timestamp(posted.sessions_expire),
        };
        let joined = role.cut_off.map_or(posted, |known| CutOff {
            instant: known.instant.max(posted.instant),
            sessions_expire: known.sessions_expire.max(posted.sessions_expire),
        });
        role.cut_off = Some(joined);
        role.cut_off_keys.push(key);
    }

    /// The grants whose sessions are posted.
    pub(crate) fn grants(&self) -> impl Iterator<Item = &Ended> {
        self.ended.values()
    }

    pub(crate) fn ended(&self, grant: &str) -> Option<&Ended> {
        self.ended.get(grant)
    }

    /// What takes a role's part out of the posts of these grants: an instant stands for it now.
    fn without(&self, role: &str, grants: &[&str]) -> Vec<Op> {
        let mut ops = Vec::new();
        for ended in grants.iter().filter_map(|grant| self.ended.get(*grant)) {
            let left: Vec<Session> = ended
                .sessions
                .iter()
                .filter(|session| session.role != role)
                .cloned()
                .collect();
            ops.push(Op::Posted {
                key: ended.post().key,
            });
            if !left.is_empty() {
                let rest = Ended {
                    sessions: left,
                    ..ended.clone()
                };
                ops.push(Op::Post(rest.post()));
            }
        }
        ops
    }

    /// What is done with the posts before `denial` is written, so that it is worked out alike by
    /// whoever comes after a crash: where an instant takes the place of names, the instant is posted
    /// and the names are not any more.
    pub(crate) fn settled_before(&self, role: &str, denial: &Denial) -> Vec<Op> {
        let Some(plan) = self.roles.get(role) else {
            return Vec::new();
        };
        let cut_off = match denial {
            Denial::IssuedBefore { cut_off, .. } if Some(*cut_off) != plan.cut_off => cut_off,
            Denial::Nothing | Denial::Grants { .. } | Denial::IssuedBefore { .. } => {
                return Vec::new();
            }
        };
        let posted = PostedCutOff {
            role: role.to_owned(),
            instant: cut_off.instant.0,
            sessions_expire: cut_off.sessions_expire.0,
        };
        let post = Post {
            key: format!("{CUT_OFF}{role}/{}", cut_off.instant.0),
            // Texts and numbers always serialise.
            body: serde_json::to_vec(&posted).unwrap_or_default(),
        };
        let covered: Vec<&str> = plan
            .ended
            .iter()
            .filter(|it| it.made_by.is_none_or(|by| by < cut_off.instant))
            .map(|it| it.grant.as_str())
            .collect();
        let before = plan.cut_off_keys.iter();
        let mut ops: Vec<Op> = before
            .filter(|key| **key != post.key)
            .map(|key| Op::Posted { key: key.clone() })
            .collect();
        // The same key is posted once: one that says less of the same instant goes first.
        ops.push(Op::Posted {
            key: post.key.clone(),
        });
        ops.push(Op::Post(post));
        ops.extend(self.without(role, &covered));
        ops
    }

    /// What of the posts is done with: nothing in them is to be denied any more, and it is not.
    pub(crate) fn done(&self, is_in_sync: impl Fn(&str) -> bool, now: Timestamp) -> Vec<Op> {
        let is_over = |session: &Session| {
            let over = seconds(session.until_ms).plus_secs(revoke::SKEW_SECS) <= now;
            over && is_in_sync(&session.role)
        };
        let ended = self.ended.values();
        let mut ops: Vec<Op> = ended
            .filter(|ended| ended.sessions.iter().all(is_over))
            .map(|ended| Op::Posted {
                key: ended.post().key,
            })
            .collect();
        for (role, plan) in &self.roles {
            let is_over = plan
                .cut_off
                .is_some_and(|it| it.sessions_expire.plus_secs(revoke::SKEW_SECS) <= now);
            if is_over && is_in_sync(role) {
                let keys = plan.cut_off_keys.iter().cloned();
                ops.extend(keys.map(|key| Op::Posted { key }));
            }
        }
        ops
    }
}

impl RolePlan {
    fn add(&mut self, grant: &str, session: &Session, now: Timestamp) {
        let made_by = session.attempt.as_ref().map(|it| seconds(it.by_ms));
        self.ended.push(revoke::Ended {
            grant: grant.to_owned(),
            sessions_expire: seconds(session.until_ms),
            made_by: made_by.filter(|by| *by >= now),
        });
    }

    /// The policy that the role should have now.
    pub(crate) fn denial(&self, chars_max: usize, now: Timestamp) -> Denial {
        denial(&self.ended, self.cut_off, chars_max, now)
    }

    /// The grants it is about.
    pub(crate) fn grants(&self) -> impl Iterator<Item = &str> {
        self.ended.iter().map(|it| it.grant.as_str())
    }
}
