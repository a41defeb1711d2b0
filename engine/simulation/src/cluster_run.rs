//! The append protocol by itself, for a million appends: owners that take an event from each other over a row store
//! that loses answers, delays writes past every patience, and refuses without a reason.
//!
//! Every owner remembers what it was told. In the end the rows must hold every acknowledged batch in its place, and no
//! batch that somebody was told is not there.

use std::collections::BTreeMap;
use std::fmt;

use usher_core::UnixMillis;
use usher_engine::journal::EntryHash;
use usher_engine::journal::append_protocol::{Append, Found, Next, Sent};

use crate::dice::{Dice, mixed};

/// How long one append tries.
const DEADLINE_MS: u64 = 2_000;
/// One append of so many meets a cluster that answers nobody for some seconds.
const OUTAGE_EVERY: u64 = 1_000;
/// Late writes on their way at once.
const LATE_MAX: usize = 8;

/// What a run came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ClusterFigures {
    /// Appends that were begun.
    pub appends_count: u64,
    /// Times that an owner took over.
    pub take_overs_count: u64,
    /// Appends that ended as committed, fenced, and unknown.
    pub ends: [u64; 3],
    /// Appends that were in doubt and ended as committed.
    pub saved_from_doubt_count: u64,
    /// Writes applied without an answer, never applied, and applied late.
    pub writes_lost: [u64; 3],
    /// Late writes that the rows refused.
    pub late_refused_count: u64,
    /// Serial reads that failed.
    pub reads_failed_count: u64,
    /// Conditional writes that were refused because an earlier try had won.
    pub refused_for_mine_count: u64,
    /// Appends of an owner that had lost the event.
    pub stale_appends_count: u64,
    /// Contradictions, each in words; at most a few.
    pub contradictions: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Batch {
    seq: u64,
    epoch: u64,
    hash: EntryHash,
}

#[derive(Default)]
struct Cluster {
    epoch: u64,
    rows: BTreeMap<u64, Batch>,
    /// Writes on their way that nobody waits for, and when they arrive.
    late: Vec<(i64, Batch)>,
}

impl Cluster {
    /// The conditional insert.
    fn apply(&mut self, batch: Batch) -> bool {
        let free = !self.rows.contains_key(&batch.seq) && batch.epoch == self.epoch;
        if free {
            self.rows.insert(batch.seq, batch);
        }
        free
    }

    fn arrive(&mut self, now_ms: i64, figures: &mut ClusterFigures) {
        let late = std::mem::take(&mut self.late);
        for (at_ms, batch) in late {
            if at_ms > now_ms {
                self.late.push((at_ms, batch));
            } else if !self.apply(batch) {
                figures.late_refused_count += 1;
            }
        }
    }
}

/// One of two nodes that want the event.
struct Owner {
    epoch: u64,
    head_seq: u64,
    acknowledged: Vec<Batch>,
    denied: Vec<Batch>,
}

struct Run {
    dice: Dice,
    now_ms: i64,
    percent_uncertain: u64,
    cluster: Cluster,
    owners: [Owner; 2],
    figures: ClusterFigures,
    made_count: u64,
    /// Who has the lease.
    active: usize,
    /// Until when the cluster answers nobody.
    away_until_ms: i64,
}

/// Runs appends by two owners of which one takes over now and then; the other goes on not knowing it.
#[must_use]
pub fn contend(seed: u64, appends: u64, take_overs: u64, percent_uncertain: u64) -> ClusterFigures {
    let owner = || Owner { epoch: 0, head_seq: 0, acknowledged: Vec::new(), denied: Vec::new() };
    let mut run = Run {
        dice: Dice::of(&[seed, 0xc1]),
        now_ms: 0,
        percent_uncertain,
        cluster: Cluster::default(),
        owners: [owner(), owner()],
        figures: ClusterFigures::default(),
        made_count: 0,
        active: 0,
        away_until_ms: 0,
    };
    let every = (appends / take_overs.max(1)).max(1);
    run.take_over(0);
    while run.figures.appends_count < appends || run.figures.take_overs_count < take_overs {
        if run.figures.appends_count.is_multiple_of(every) {
            run.active = 1 - run.active;
            run.take_over(run.active);
            // The old owner was stopped past its lease, goes on, and is refused at its first append.
            if run.dice.chance(50) {
                run.figures.stale_appends_count += 1;
                run.append(1 - run.active);
            }
        }
        run.append(run.active);
    }
    run.judge();
    run.figures
}

impl Run {
    fn take_over(&mut self, who: usize) {
        self.figures.take_overs_count += 1;
        self.now_ms = self.now_ms.max(self.away_until_ms);
        self.tick();
        self.cluster.epoch += 1;
        let head_seq = self.cluster.rows.last_key_value().map_or(0, |(seq, _)| *seq);
        let owner = &mut self.owners[who];
        (owner.epoch, owner.head_seq) = (self.cluster.epoch, head_seq);
    }

    fn tick(&mut self) {
        let ms = self.dice.between(1, 40);
        self.now_ms += i64::try_from(ms).unwrap_or(1);
        self.cluster.arrive(self.now_ms, &mut self.figures);
    }

    fn append(&mut self, who: usize) {
        self.figures.appends_count += 1;
        self.made_count += 1;
        if self.dice.below(OUTAGE_EVERY) == 0 {
            self.away_until_ms = self.now_ms + i64::try_from(self.dice.between(500, 8_000)).unwrap_or(500);
        }
        let mut hash = [0; 32];
        hash[..8].copy_from_slice(&mixed(self.made_count).to_be_bytes());
        hash[8..16].copy_from_slice(&self.made_count.to_be_bytes());
        let batch = Batch { seq: self.owners[who].head_seq + 1, epoch: self.owners[who].epoch, hash };
        let deadline = UnixMillis(self.now_ms).plus_ms(DEADLINE_MS);
        let mut append = Append::new(hash, batch.epoch, deadline);
        let (mut next, mut doubted) = (append.start(), false);
        loop {
            self.tick();
            next = match next {
                Next::Send => {
                    let sent = self.send(batch);
                    doubted |= matches!(sent, Sent::Uncertain(_));
                    append.sent(sent)
                }
                Next::ReadBack => {
                    let found = self.look(batch.seq);
                    append.found(UnixMillis(self.now_ms), found)
                }
                Next::Committed => {
                    self.figures.ends[0] += 1;
                    self.figures.saved_from_doubt_count += u64::from(doubted);
                    self.owners[who].head_seq = batch.seq;
                    return self.owners[who].acknowledged.push(batch);
                }
                Next::Fenced => {
                    self.figures.ends[1] += 1;
                    self.owners[who].denied.push(batch);
                    if who == self.active {
                        self.take_over(who);
                    }
                    return;
                }
                Next::Unknown(_) => {
                    self.figures.ends[2] += 1;
                    // It stops, takes over and looks: from then on it is certain, lease or no lease.
                    self.take_over(who);
                    let landed = self.cluster.rows.get(&batch.seq) == Some(&batch);
                    let owner = &mut self.owners[who];
                    return if landed { owner.acknowledged.push(batch) } else { owner.denied.push(batch) };
                }
            };
        }
    }

    fn send(&mut self, batch: Batch) -> Sent {
        let lost = || Sent::Uncertain("no answer".to_owned());
        if !self.is_away() && !self.dice.chance(self.percent_uncertain) {
            let mine = self.cluster.rows.get(&batch.seq) == Some(&batch);
            self.figures.refused_for_mine_count += u64::from(mine);
            return if self.cluster.apply(batch) { Sent::Applied } else { Sent::Refused };
        }
        // Waiting for an answer that does not come takes its time.
        self.now_ms += i64::try_from(self.dice.between(50, 900)).unwrap_or(50);
        match self.dice.below(3) {
            0 => {
                self.figures.writes_lost[0] += 1;
                self.cluster.apply(batch);
            }
            1 if self.cluster.late.len() < LATE_MAX => {
                self.figures.writes_lost[2] += 1;
                let by_ms = i64::try_from(self.dice.between(1, 6_000)).unwrap_or(1);
                self.cluster.late.push((self.now_ms + by_ms, batch));
            }
            _ => self.figures.writes_lost[1] += 1,
        }
        lost()
    }

    fn is_away(&self) -> bool {
        self.now_ms < self.away_until_ms
    }

    fn look(&mut self, seq: u64) -> Found {
        if self.is_away() || self.dice.chance(self.percent_uncertain * 2) {
            self.now_ms += 200;
            self.figures.reads_failed_count += 1;
            return Found::Uncertain("the read failed".to_owned());
        }
        match self.cluster.rows.get(&seq) {
            Some(batch) => Found::Batch { hash: batch.hash },
            None => Found::Free { epoch: self.cluster.epoch },
        }
    }

    fn judge(&mut self) {
        self.now_ms += 3_600_000;
        self.cluster.arrive(self.now_ms, &mut self.figures);
        let mut wrong = Vec::new();
        for owner in &self.owners {
            let lost = owner.acknowledged.iter().filter(|batch| self.cluster.rows.get(&batch.seq) != Some(batch));
            wrong.extend(lost.map(|batch| {
                format!("batch {} of epoch {} was acknowledged and is not there", batch.seq, batch.epoch)
            }));
            let there = owner.denied.iter().filter(|batch| self.cluster.rows.get(&batch.seq) == Some(batch));
            wrong.extend(
                there.map(|batch| format!("batch {} of epoch {} was denied and is there", batch.seq, batch.epoch)),
            );
        }
        let epochs: Vec<u64> = self.cluster.rows.values().map(|batch| batch.epoch).collect();
        if !epochs.is_sorted() {
            wrong.push("an old owner committed after a new one".to_owned());
        }
        let told: usize = self.owners.iter().map(|owner| owner.acknowledged.len()).sum();
        if told != self.cluster.rows.len() {
            wrong.push(format!("{told} batches were acknowledged, {} are there", self.cluster.rows.len()));
        }
        wrong.truncate(10);
        self.figures.contradictions = wrong;
    }
}

impl fmt::Display for ClusterFigures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [committed, fenced, unknown] = self.ends;
        let [applied, never, late] = self.writes_lost;
        writeln!(
            f,
            "{} appends, {} take-overs, {} appends by an owner that had lost the event",
            self.appends_count, self.take_overs_count, self.stale_appends_count
        )?;
        writeln!(
            f,
            "ended: {committed} committed ({} of them after doubt), {fenced} fenced, {unknown} unknown until the next take-over",
            self.saved_from_doubt_count
        )?;
        writeln!(
            f,
            "answers lost: {applied} applied, {never} never applied, {late} applied late or refused then ({} refused)",
            self.late_refused_count
        )?;
        writeln!(
            f,
            "refusals that meant an earlier try: {}; serial reads that failed: {}",
            self.refused_for_mine_count, self.reads_failed_count
        )?;
        write!(f, "contradictions: {}", self.contradictions.len())
    }
}
