//! Accounts, sessions and keys.

use actix_web::web::{Data, Path};
use actix_web::{HttpRequest, HttpResponse};

use super::{Answer, created, done, ok};
use crate::access::Subject;
use crate::desk::Listed;
use crate::desk::organizer::{self, ApiKeyForm, LoginForm, RegisterForm, SessionSheet};
use crate::extract::{ClientAddress, Json};
use crate::state::AppState;

/// Makes an account and logs it in.
#[utoipa::path(post, path = "/api/v1/accounts", tag = "organizer", request_body = RegisterForm,
    responses((status = 201, body = organizer::AccountSheet), (status = 409, body = crate::problem::ProblemDocument)))]
pub(crate) async fn register(state: Data<AppState>, from: ClientAddress, form: Json<RegisterForm>) -> Answer {
    Ok(with_cookie(&state, &organizer::register(&state, &form, from.0).await?))
}

/// Logs in: the answer sets the session's cookie.
#[utoipa::path(post, path = "/api/v1/sessions", tag = "organizer", request_body = LoginForm,
    responses((status = 201, body = organizer::AccountSheet), (status = 401, body = crate::problem::ProblemDocument)))]
pub(crate) async fn login(
    state: Data<AppState>,
    subject: Subject,
    from: ClientAddress,
    form: Json<LoginForm>,
) -> Answer {
    Ok(with_cookie(&state, &organizer::login(&state, &subject, &form, from.0).await?))
}

fn with_cookie(state: &AppState, session: &SessionSheet) -> HttpResponse {
    let cookie = state.cookies.session(&session.token.0, session.lasts_ms);
    HttpResponse::Created().cookie(cookie).json(&session.account)
}

/// Logs out.
#[utoipa::path(delete, path = "/api/v1/sessions/current", tag = "organizer", responses((status = 204)))]
pub(crate) async fn logout(state: Data<AppState>, request: HttpRequest) -> Answer {
    if let Some(cookie) = request.cookie(state.cookies.session_name()) {
        organizer::logout(&state, cookie.value()).await?;
    }
    Ok(HttpResponse::NoContent().cookie(state.cookies.no_session()).finish())
}

/// The account's keys.
#[utoipa::path(get, path = "/api/v1/api-keys", tag = "organizer",
    responses((status = 200, body = Listed<organizer::ApiKeySheet>)))]
pub(crate) async fn keys(state: Data<AppState>, subject: Subject) -> Answer {
    let data = organizer::api_keys(&state, &subject).await?;
    ok(&Listed { data, next_cursor: None })
}

/// Makes a key; its secret is shown this once.
#[utoipa::path(post, path = "/api/v1/api-keys", tag = "organizer", request_body = ApiKeyForm,
    responses((status = 201, body = organizer::NewApiKeySheet)))]
pub(crate) async fn create_key(state: Data<AppState>, subject: Subject, form: Json<ApiKeyForm>) -> Answer {
    created(&organizer::create_api_key(&state, &subject, &form).await?)
}

/// Revokes a key.
#[utoipa::path(delete, path = "/api/v1/api-keys/{key}", tag = "organizer", params(("key" = String, Path)),
    responses((status = 204)))]
pub(crate) async fn revoke_key(state: Data<AppState>, subject: Subject, key: Path<String>) -> Answer {
    organizer::revoke_api_key(&state, &subject, &key).await?;
    done()
}
