//! Three nodes of one's own, to be stopped, killed and started again.

use std::process::Command;
use std::sync::PoisonError;

use crate::cassandra::{Cassandra, Node, Running, jars, skip};

/// Starts them; `None` when there are no jars and there need not be.
pub(crate) fn three_nodes(test: &str) -> Option<Cassandra> {
    let jars = jars();
    if jars.is_none() {
        skip(test);
    }
    jars.map(|jars| Cassandra::start(&jars, 3))
}

impl Cassandra {
    /// Stops a node's time, as a machine that hangs; it keeps its connections.
    pub(crate) fn pause(&self, node: usize) {
        self.nodes[node].signal("-STOP");
    }

    /// Lets it go on.
    pub(crate) fn resume(&self, node: usize) {
        self.nodes[node].signal("-CONT");
    }

    /// Ends a node as a power cut would, but for what the machine has cached.
    pub(crate) fn kill(&self, node: usize) {
        self.nodes[node].signal("-KILL");
    }

    /// Starts a killed node again on its data.
    pub(crate) fn restart(&self, node: usize) {
        self.nodes[node].restart();
    }
}

impl Node {
    fn signal(&self, signal: &str) {
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        let pid = running.as_ref().unwrap().pid.to_string();
        assert!(Command::new("kill").args([signal, &pid]).status().unwrap().success(), "kill {signal} {pid}");
    }

    fn restart(&self) {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(gone) = running.take() {
            gone.forget();
        }
        *running = Some(self.spec.start());
        drop(running);
        self.wait_ready();
    }
}

impl Running {
    /// Ends the keeper of a node that is gone already, and leaves its data.
    fn forget(mut self) {
        self.keeper.kill().unwrap();
        self.keeper.wait().unwrap();
    }
}
