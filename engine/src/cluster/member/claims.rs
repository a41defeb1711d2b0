//! Claims: how an event becomes this node's, unless it is somebody else's who is alive.

use async_trait::async_trait;
use metrics::counter;
use usher_core::EventId;

use super::{Member, Shared};
use crate::cluster::metrics as names;
use crate::cluster::sight::{Whose, whose};
use crate::event::{ClaimError, Ownership};
use crate::store::StoreError;

/// Rounds of a claim: each begins with what others have made of the event meanwhile.
const CLAIM_ROUNDS_MAX: u32 = 4;

impl Member {
    async fn claim_in_rounds(&self, event: EventId) -> Result<bool, StoreError> {
        let Shared { leases, me, .. } = &*self.shared;
        for _ in 0..CLAIM_ROUNDS_MAX {
            let owner = leases.owner(event).await?;
            let mut alive = self.alive();
            if owner.is_some() && whose(owner.as_ref(), &me.run, &alive) == Whose::Free {
                // It may have come since the last look.
                self.look().await?;
                alive = self.alive();
            }
            match whose(owner.as_ref(), &me.run, &alive) {
                Whose::Mine => {
                    self.own(event);
                    return Ok(true);
                }
                Whose::Theirs(lease) => {
                    self.disown(event);
                    self.remember(event, lease.run.clone());
                    return Ok(false);
                }
                Whose::Free if self.is_leaving() => return Ok(false),
                Whose::Free if !self.is_held() => {
                    return Err(StoreError::Unavailable("this node's lease has lapsed".to_owned()));
                }
                Whose::Free => {
                    if leases.claim(event, &me.run, owner.as_ref()).await? {
                        if let Some(owner) = owner {
                            counter!(names::TAKE_OVERS).increment(1);
                            tracing::info!(%event, from = owner.node, "taking an event over");
                        }
                        self.own(event);
                        return Ok(true);
                    }
                }
            }
        }
        Err(StoreError::Unavailable("others keep claiming the event".to_owned()))
    }
}

#[async_trait]
impl Ownership for Member {
    async fn claim(&self, event: EventId) -> Result<(), ClaimError> {
        match self.claim_in_rounds(event).await {
            Ok(true) => Ok(()),
            Ok(false) => Err(ClaimError::Elsewhere),
            Err(error) => Err(ClaimError::Unavailable(error.to_string())),
        }
    }

    async fn release(&self, event: EventId) {
        self.disown(event);
        let released = self.shared.leases.release(event, &self.shared.me.run, self.is_leaving()).await;
        if let Err(error) = released {
            tracing::warn!(%event, %error, "an event that is not run here any more may be held to be");
        }
    }
}
