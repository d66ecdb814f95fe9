//! How blank nodes become a cluster without anybody telling them: the rule, without its execution (see [`super::seek`]).
//!
//! Every blank node asks every other who it is. The one with the smallest id among at least `size` blank nodes founds the cluster
//! with the `size` smallest: it asks each to promise itself to this founding, and only if all do, creates the Raft group.
//!
//! Why there are never two clusters of the same nodes:
//! * A promise is on disk before it is given, bears a ballot, and a node promises only upwards. It takes Raft messages of the one
//!   cluster only that it promised itself to last.
//! * Taking the first Raft message makes it a member for good (on disk, before Raft sees the message), and a member promises nothing.
//! * So of two foundings that share a node, the one with the lower ballot has lost that node's vote for ever when the higher one gets
//!   it; and a founding needs all its nodes' promises to begin and a majority of their votes to live.
//!
//! Two foundings that share no node are possible only where twice `size` nodes exist and the halves cannot see each other: while a
//! node sees that somebody else is promised, it founds nothing.
//!
//! Nor does a node found anything that has not heard of most of its seeds: a cluster of which it sees nobody may be among the others, restarting.
//!
//! A founder that dies after the promises leaves them standing until they go stale; then the next founder asks with a higher ballot. A
//! founder that returns to find its nodes in another cluster, before its own was ever elected, gives its own up and joins.

use std::collections::{BTreeMap, BTreeSet};

use larder_proto::bus::{Announcement, Founding, Id, Introduction, Standing};

use super::options::VOTERS_MAX;
use super::record::{Stage, StandingRecord};
use crate::topology::{ClusterId, NodeId};

/// What a node heard when it asked around.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Around {
    /// What others told.
    pub(super) others: Vec<Introduction>,
    /// Addresses of seeds; a seed whose name leads nowhere is one.
    pub(super) seeds: usize,
    /// Those of them at which a node answered, this one included.
    pub(super) answered: usize,
}

impl Around {
    fn has_heard_most(&self) -> bool {
        self.seeds == 0 || self.answered * 2 > self.seeds
    }
}

/// What a node without a cluster should do next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    /// Ask around again.
    Wait,
    /// Found a cluster with these nodes, which include this one.
    Found(Vec<Announcement>),
    /// There is a cluster: join it through these members.
    Join { cluster: ClusterId, members: Vec<Announcement> },
}

/// Decides for node `me`, which stands at `standing`, after it heard `around`. `attempted`: the cluster that this node tried to found
/// last; promises to it do not count against a new attempt.
pub(super) fn decide(me: &Announcement, standing: Standing, size: usize, around: &Around, attempted: Option<Id>) -> Step {
    let others = &around.others;
    let others: Vec<_> = others.iter().filter(|other| other.node.node != me.node).collect();
    if let Some(cluster) = cluster_to_join(standing, &others) {
        let members = others.iter().filter(|other| matches!(other.standing, Standing::Member { cluster: of, .. } if of == cluster));
        return Step::Join { cluster: ClusterId(cluster), members: members.map(|other| other.node.clone()).collect() };
    }
    if standing != Standing::Blank {
        return Step::Wait;
    }
    let mut free: BTreeMap<Id, Announcement> = BTreeMap::new();
    for other in &others {
        match other.standing {
            Standing::Blank => {}
            Standing::Promised { cluster } if Some(cluster) == attempted => {}
            // A founding is under way, and this node is not part of it: it will be let in. Founding another one now would divide nodes
            // that see each other.
            _ => return Step::Wait,
        }
        free.insert(other.node.node, other.node.clone());
    }
    free.insert(me.node, me.clone());
    let founds = around.has_heard_most() && free.len() >= size && free.keys().next() == Some(&me.node);
    if founds { Step::Found(free.into_values().take(size).collect()) } else { Step::Wait }
}

/// The cluster that this node promised itself to, if it exists by now; else the largest that is known.
fn cluster_to_join(standing: Standing, others: &[&Introduction]) -> Option<Id> {
    let mut known: BTreeMap<Id, u32> = BTreeMap::new();
    for other in others {
        if let Standing::Member { cluster, nodes } = other.standing {
            let size = known.entry(cluster).or_default();
            *size = nodes.max(*size);
        }
    }
    match standing {
        Standing::Blank => {
            known.into_iter().max_by_key(|(cluster, nodes)| (*nodes, std::cmp::Reverse(*cluster))).map(|(cluster, _)| cluster)
        }
        Standing::Promised { cluster } => known.contains_key(&cluster).then_some(cluster),
        Standing::Joining { .. } | Standing::Member { .. } => None,
    }
}

/// Whether node `me` may promise itself to `founding`. `stale`: its present promise, if any, has been left to lie by its founder.
pub(super) fn may_promise(me: NodeId, record: &StandingRecord, stale: bool, founding: &Founding) -> bool {
    let smallest = founding.members.iter().map(|member| member.node).min();
    if smallest != Some(founding.founder) || !founding.members.iter().any(|member| member.node == me.0) {
        return false;
    }
    match &record.stage {
        Stage::Blank => founding.ballot > record.ballot,
        Stage::Promised(present) if present == founding => true,
        Stage::Promised(present) => founding.ballot > record.ballot && (stale || present.founder == founding.founder),
        Stage::Joining(_) | Stage::Member { .. } => false,
    }
}

/// The first voters of a cluster: its first nodes, an odd number of them. The founder, being the smallest, is always one.
pub(super) fn first_voters(founding: &Founding) -> Vec<Announcement> {
    let mut members = founding.members.clone();
    members.sort_by_key(|member| member.node);
    members.truncate(voter_count(members.len()));
    members
}

/// How many of `nodes` should vote: an even number would stand no more failures than one less.
pub(super) fn voter_count(nodes: usize) -> usize {
    let most = nodes.min(VOTERS_MAX);
    if most.is_multiple_of(2) { most.saturating_sub(1) } else { most }
}

/// Whether a founder whose cluster never came to life should give it up: a majority of its nodes belongs to other clusters.
pub(super) fn is_deserted(founding: &Founding, others: &[Introduction]) -> bool {
    let members: BTreeSet<_> = founding.members.iter().map(|member| member.node).collect();
    let gone = others.iter().filter(|other| {
        members.contains(&other.node.node) && matches!(other.standing, Standing::Member { cluster, .. } if cluster != founding.cluster)
    });
    let gone: BTreeSet<_> = gone.map(|other| other.node.node).collect();
    gone.len() * 2 > members.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn announcement(n: u8) -> Announcement {
        Announcement {
            node: Id([n; 20]),
            shard: Id([n; 20]),
            host: format!("10.0.0.{n}"),
            hostname: String::new(),
            port: 7000,
            bus_port: 17000,
            tls_port: 0,
            zone: String::new(),
            level: 0,
            name: String::new(),
        }
    }

    fn met(n: u8, standing: Standing) -> Introduction {
        Introduction { node: announcement(n), standing, ballot: 0, known: Vec::new() }
    }

    fn cluster(n: u8) -> Id {
        Id([n; 20])
    }

    const BLANK: Standing = Standing::Blank;

    #[test]
    fn decisions() {
        let promised = |n| Standing::Promised { cluster: cluster(n) };
        let member = |n, nodes| Standing::Member { cluster: cluster(n), nodes };
        let found = |members: &[u8]| Step::Found(members.iter().map(|n| announcement(*n)).collect());
        let join =
            |n, members: &[u8]| Step::Join { cluster: ClusterId(cluster(n)), members: members.iter().map(|n| announcement(*n)).collect() };
        for (case, me, standing, others, attempted, step) in [
            ("alone", 1, BLANK, vec![], None, Step::Wait),
            ("too few", 1, BLANK, vec![met(2, BLANK)], None, Step::Wait),
            ("the smallest of three", 1, BLANK, vec![met(3, BLANK), met(2, BLANK)], None, found(&[1, 2, 3])),
            ("not the smallest", 2, BLANK, vec![met(3, BLANK), met(1, BLANK)], None, Step::Wait),
            ("heard of itself and of one twice", 1, BLANK, vec![met(1, BLANK), met(2, BLANK), met(2, BLANK)], None, Step::Wait),
            ("more than enough", 1, BLANK, vec![met(4, BLANK), met(3, BLANK), met(2, BLANK)], None, found(&[1, 2, 3])),
            ("another is promised", 1, BLANK, vec![met(2, promised(9)), met(3, BLANK)], None, Step::Wait),
            ("another founding leaves enough over", 2, BLANK, vec![met(1, promised(9)), met(3, BLANK), met(4, BLANK)], None, Step::Wait),
            ("promised to our last attempt", 1, BLANK, vec![met(2, promised(9)), met(3, BLANK)], Some(cluster(9)), found(&[1, 2, 3])),
            ("promised ourselves", 1, promised(9), vec![met(2, BLANK), met(3, BLANK)], None, Step::Wait),
            ("the promised cluster lives", 3, promised(9), vec![met(2, member(9, 1))], None, join(9, &[2])),
            ("another cluster lives", 3, promised(9), vec![met(2, member(8, 1))], None, Step::Wait),
            ("a cluster exists", 1, BLANK, vec![met(2, member(9, 3)), met(3, member(9, 3)), met(4, BLANK)], None, join(9, &[2, 3])),
            ("the larger of two clusters", 1, BLANK, vec![met(2, member(7, 1)), met(3, member(9, 3))], None, join(9, &[3])),
        ] {
            let around = Around { others, seeds: 3, answered: 2 };
            assert_eq!(decide(&announcement(me), standing, 3, &around, attempted), step, "{case}");
            if matches!(step, Step::Found(_)) {
                let around = Around { seeds: 4, ..around };
                assert_eq!(
                    decide(&announcement(me), standing, 3, &around, attempted),
                    Step::Wait,
                    "{case}, but two of four seeds are silent"
                );
            }
        }
    }

    fn founding(ballot: u64, founder: u8, members: &[u8]) -> Founding {
        Founding {
            ballot,
            founder: Id([founder; 20]),
            cluster: cluster(100 + founder),
            members: members.iter().map(|n| announcement(*n)).collect(),
        }
    }

    #[test]
    fn promises() {
        let me = NodeId(Id([2; 20]));
        let record = |ballot, stage| StandingRecord { ballot, stage };
        let first = founding(5, 1, &[1, 2, 3]);
        let member = Stage::Member { cluster: ClusterId(cluster(9)), founding: None, joined: None };
        for (case, record, stale, asked, may) in [
            ("blank", record(0, Stage::Blank), false, first.clone(), true),
            ("an old ballot", record(5, Stage::Blank), false, first.clone(), false),
            ("the same again", record(5, Stage::Promised(first.clone())), false, first.clone(), true),
            ("the founder tries again", record(5, Stage::Promised(first.clone())), false, founding(6, 1, &[1, 2, 4]), true),
            ("somebody else, too early", record(5, Stage::Promised(first.clone())), false, founding(6, 2, &[2, 3, 4]), false),
            ("somebody else, the founder is gone", record(5, Stage::Promised(first.clone())), true, founding(6, 2, &[2, 3, 4]), true),
            ("never downwards", record(5, Stage::Promised(first.clone())), true, founding(4, 2, &[2, 3, 4]), false),
            ("a member", record(0, member), true, first, false),
            ("without us", record(0, Stage::Blank), false, founding(1, 1, &[1, 3, 4]), false),
            ("not the smallest founds", record(0, Stage::Blank), false, founding(1, 2, &[1, 2, 3]), false),
        ] {
            assert_eq!(may_promise(me, &record, stale, &asked), may, "{case}");
        }
    }

    #[test]
    fn voters_are_odd_in_number() {
        let counts: Vec<_> = (0..9).map(voter_count).collect();
        assert_eq!(counts, [0, 1, 1, 3, 3, 5, 5, 5, 5]);
        let voters: Vec<_> = first_voters(&founding(1, 1, &[4, 3, 1, 2])).iter().map(|voter| voter.node).collect();
        assert_eq!(voters, [1, 2, 3].map(|n| Id([n; 20])));
    }

    #[test]
    fn a_founding_is_deserted_when_most_went_elsewhere() {
        let founding = founding(1, 1, &[1, 2, 3]);
        let elsewhere = Standing::Member { cluster: cluster(9), nodes: 3 };
        let here = Standing::Member { cluster: founding.cluster, nodes: 1 };
        for (others, deserted) in [
            (vec![], false),
            (vec![met(2, elsewhere)], false),
            (vec![met(2, elsewhere), met(3, here)], false),
            (vec![met(2, elsewhere), met(7, elsewhere)], false),
            (vec![met(2, elsewhere), met(3, elsewhere)], true),
        ] {
            assert_eq!(is_deserted(&founding, &others), deserted, "{others:?}");
        }
    }
}
