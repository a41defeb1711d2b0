//! Passwords: argon2id behind a gate, so that logging in never starves the sale.
//!
//! One verification costs about 25 ms of a core. At most [`VERIFICATIONS_MAX`] run at once, on blocking threads; a
//! login that cannot start within [`WAIT_MAX`] is refused. An unknown e-mail costs the same as a wrong password.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::problem::{Problem, kinds};

/// Verifications at once.
pub const VERIFICATIONS_MAX: usize = 2;
/// How long a login waits for its turn.
pub const WAIT_MAX: Duration = Duration::from_secs(2);
/// The shortest password, in characters (ASVS 6.2.1 asks for 8).
pub const PASSWORD_CHARS_MIN: usize = 8;
/// The longest password, in bytes.
pub const PASSWORD_BYTES_MAX: usize = 256;

/// Verified against when there is no account, so that its absence does not show in time.
static NOBODY: LazyLock<String> = LazyLock::new(|| hash_now("nobody has this password").unwrap_or_default());

/// The gate in front of argon2id.
#[derive(Debug, Clone)]
pub struct Passwords {
    turns: Arc<Semaphore>,
}

impl Default for Passwords {
    fn default() -> Self {
        Self { turns: Arc::new(Semaphore::new(VERIFICATIONS_MAX)) }
    }
}

impl Passwords {
    /// The PHC string of a new password.
    ///
    /// # Errors
    /// Too many others are at it.
    pub async fn hash(&self, password: String) -> Result<String, Problem> {
        let turn = self.turn().await?;
        run(turn, move || hash_now(&password)).await?.ok_or_else(|| Problem::of(&kinds::INTERNAL))
    }

    /// Whether the password fits the hash; without a hash it takes as long and fits nothing.
    ///
    /// # Errors
    /// Too many others are at it.
    pub async fn verify(&self, password: String, hash: Option<String>) -> Result<bool, Problem> {
        let turn = self.turn().await?;
        run(turn, move || match hash {
            Some(hash) => verify_now(&password, &hash),
            None => {
                verify_now(&password, &NOBODY);
                false
            }
        })
        .await
    }

    async fn turn(&self) -> Result<OwnedSemaphorePermit, Problem> {
        match tokio::time::timeout(WAIT_MAX, Arc::clone(&self.turns).acquire_owned()).await {
            Ok(Ok(turn)) => Ok(turn),
            Ok(Err(_)) | Err(_) => Err(Problem::of(&kinds::BUSY).retry_after_ms(2_000)),
        }
    }
}

async fn run<T: Send + 'static>(
    turn: OwnedSemaphorePermit,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Problem> {
    let done = tokio::task::spawn_blocking(move || {
        let result = work();
        drop(turn);
        result
    });
    done.await.map_err(|_| Problem::of(&kinds::INTERNAL))
}

fn hash_now(password: &str) -> Option<String> {
    Argon2::default().hash_password(password.as_bytes()).ok().map(|hash| hash.to_string())
}

fn verify_now(password: &str, hash: &str) -> bool {
    PasswordHash::new(hash).is_ok_and(|parsed| Argon2::default().verify_password(password.as_bytes(), &parsed).is_ok())
}

/// Tells what is wrong with a new password.
///
/// # Errors
/// In words.
pub fn check(password: &str) -> Result<(), String> {
    if password.chars().count() < PASSWORD_CHARS_MIN {
        return Err(format!("at least {PASSWORD_CHARS_MIN} characters"));
    }
    if password.len() > PASSWORD_BYTES_MAX {
        return Err(format!("at most {PASSWORD_BYTES_MAX} bytes"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[actix_web::test]
    async fn a_password_fits_its_own_hash_only() {
        let passwords = Passwords::default();
        let hash = passwords.hash("correct horse".to_owned()).await.unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
        assert!(passwords.verify("correct horse".to_owned(), Some(hash.clone())).await.unwrap());
        assert!(!passwords.verify("correct horsf".to_owned(), Some(hash)).await.unwrap());
        assert!(!passwords.verify("nobody has this password".to_owned(), None).await.unwrap());
    }
}
