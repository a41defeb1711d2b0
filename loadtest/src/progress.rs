//! What one sees while it runs: a line on a terminal, nothing elsewhere.

use std::io::IsTerminal;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use tokio::task::JoinHandle;

use crate::buyer::World;

/// How often the line moves.
const EVERY: Duration = Duration::from_millis(200);

/// The line.
#[derive(Debug)]
pub struct Progress {
    bar: ProgressBar,
}

impl Progress {
    /// Begins with those words.
    #[must_use]
    pub fn start(words: &str) -> Self {
        let bar = ProgressBar::no_length();
        if std::io::stderr().is_terminal() {
            bar.enable_steady_tick(EVERY);
        } else {
            bar.set_draw_target(ProgressDrawTarget::hidden());
        }
        bar.set_message(words.to_owned());
        Self { bar }
    }

    /// Other words.
    pub fn say(&self, words: &str) {
        self.bar.set_style(ProgressStyle::default_spinner());
        self.bar.set_message(words.to_owned());
    }

    /// Follows a crowd until the task is ended.
    #[must_use]
    pub fn watch(&self, world: Arc<World>, duration: Duration) -> JoinHandle<()> {
        let bar = self.bar.clone();
        let style = ProgressStyle::with_template("{elapsed_precise} {bar:24} {msg}");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        bar.reset_elapsed();
        bar.set_length(duration.as_millis().try_into().unwrap_or(u64::MAX));
        tokio::spawn(async move {
            loop {
                bar.set_position(bar.elapsed().as_millis().try_into().unwrap_or(u64::MAX));
                bar.set_message(words(&world));
                tokio::time::sleep(EVERY).await;
            }
        })
    }

    /// Takes the line away.
    pub fn end(&self) {
        self.bar.finish_and_clear();
    }
}

fn words(world: &World) -> String {
    let live = &world.live;
    let count = |figure: &AtomicU64| figure.load(Ordering::Relaxed);
    format!(
        "{} buyers came, {} under way, {} holds, {} orders paid, {} refusals",
        count(&live.arrived_count),
        live.under_way_count(),
        count(&live.holds_count),
        count(&live.paid_count),
        count(&live.refusals_count)
    )
}
