//! Every kind of problem: code, status, title and advice. Codes are part of the API and never change.

/// A kind of problem.
#[derive(Debug, PartialEq, Eq)]
pub struct Kind {
    /// Its stable name.
    pub code: &'static str,
    /// Its HTTP status.
    pub status: u16,
    /// What it is, in a few words.
    pub title: &'static str,
    /// What to do about it.
    pub advice: &'static str,
}

macro_rules! kinds {
    ($($name:ident = $status:literal, $code:literal, $title:literal, $advice:literal;)*) => {
        $(#[doc = $title]
        pub const $name: Kind = Kind { code: $code, status: $status, title: $title, advice: $advice };)*

        /// All of them.
        pub const ALL: &[&Kind] = &[$(&$name),*];
    };
}

/// The kind with that code.
#[must_use]
pub fn by_code(code: &str) -> Option<&'static Kind> {
    ALL.iter().copied().find(|kind| kind.code == code)
}

kinds! {
    // The request.
    NOT_FOUND = 404, "not_found", "There is nothing here", "Check the address. What exists but is not yours is not found either.";
    METHOD_NOT_ALLOWED = 405, "method_not_allowed", "This address does not know that method", "The Allow header names the methods it knows.";
    MALFORMED = 400, "malformed", "The request cannot be read", "Send what the API's description asks for.";
    INVALID = 422, "invalid", "The request says something that cannot be", "Each member of errors names a place in the body and what is wrong there.";
    TOO_LARGE = 413, "too_large", "The request's body is too large", "Send less; no body of this address may be so large.";
    UNSUPPORTED_MEDIA_TYPE = 415, "unsupported_media_type", "The body has a type that is not understood here", "Send JSON with Content-Type: application/json.";
    IDEMPOTENCY_KEY_REQUIRED = 400, "idempotency_key_required", "This request needs an Idempotency-Key", "Send a fresh random key of 8 to 128 visible ASCII characters, and the same one when you repeat the request.";
    IDEMPOTENCY_KEY_MALFORMED = 400, "idempotency_key_malformed", "This Idempotency-Key cannot be used", "Keys have 8 to 128 visible ASCII characters. Send a fresh random one, such as a UUID, and the same one when you repeat the request.";
    IDEMPOTENCY_KEY_REUSED = 422, "idempotency_key_reused", "This Idempotency-Key was used for another request", "Use a new key for a new request.";
    IF_MATCH_REQUIRED = 428, "if_match_required", "This request needs If-Match", "Read the resource, and send its ETag as If-Match.";
    CHANGED_MEANWHILE = 412, "changed_meanwhile", "Somebody changed it meanwhile", "Read the resource again and repeat your change on what it is now.";
    CONFLICT = 409, "conflict", "It contradicts what is there already", "Read what is there, and send what fits.";

    // Who asks.
    LOGIN_REQUIRED = 401, "login_required", "You need to log in", "Log in, or send an API key as Authorization: Bearer.";
    BUYER_REQUIRED = 401, "buyer_required", "You need to be a buyer", "Create a buyer with POST /api/v1/buyers and send its token as Authorization: Bearer.";
    LOGIN_FAILED = 401, "login_failed", "E-mail or password is wrong", "Check both.";
    FORBIDDEN = 403, "forbidden", "You may not do this", "Ask somebody who may.";
    CROSS_SITE = 403, "cross_site", "The request came from another site", "Send it from this site's own pages, or with a token instead of a cookie.";
    EMAIL_TAKEN = 409, "email_taken", "There is an account with this e-mail", "Log in with it.";
    REGISTRATION_CLOSED = 403, "registration_closed", "Accounts are made by the operator here", "Ask the operator for an account.";
    API_KEYS_MAX = 409, "api_keys_max", "There are as many API keys as one account may have", "Revoke one that is not used.";

    // The house.
    RATE_LIMITED = 429, "rate_limited", "Too many requests", "Wait as long as Retry-After says.";
    BUSY = 503, "busy", "Too much is going on right now", "Repeat after Retry-After; nothing was done.";
    DRAINING = 503, "draining", "The server is stopping", "Nothing was done. Repeat after Retry-After with the same Idempotency-Key: another server answers, or this one once it is back.";
    NOT_APPLIED = 503, "not_applied", "It was not done", "Repeat; nothing was done.";
    OUTCOME_UNKNOWN = 503, "outcome_unknown", "Whether it was done is not known", "Repeat with the same Idempotency-Key: it will be done once.";
    STORAGE_FULL = 503, "storage_full", "There is no room to write", "Nothing was done. The operator has to make room.";
    QUARANTINED = 500, "quarantined", "This request fails every time", "Do not repeat it; tell the operator.";
    EVENT_UNAVAILABLE = 503, "event_unavailable", "This event is out of order", "Other events go on. Try again later.";
    UNAVAILABLE = 503, "unavailable", "Something the server needs is out of order", "Try again later with the same Idempotency-Key.";
    PAYMENT_UNAVAILABLE = 503, "payment_unavailable", "The payment provider does not answer", "Repeat with the same Idempotency-Key. Your places stay held.";
    DEADLINE = 503, "deadline", "It took too long", "Repeat with the same Idempotency-Key: it will be done once.";
    INTERNAL = 500, "internal", "The server made a mistake", "It has been logged under the request's id. Repeating with the same Idempotency-Key is safe.";

    // The sale.
    NOT_PUBLISHED = 409, "not_published", "The event is not published", "Publish it first.";
    ALREADY_PUBLISHED = 409, "already_published", "The event is published already", "Plan, currency and limits are fixed when an event is published.";
    EVENT_CANCELLED = 409, "event_cancelled", "The event was called off", "Paid orders are refunded.";
    NOT_ON_SALE = 409, "not_on_sale", "The sale has not opened", "Come back at opens_at.";
    PAUSED = 409, "paused", "The sale is paused", "Come back in a while. Who holds places may finish.";
    CLOSED = 409, "closed", "The sale has ended", "Who holds places may finish.";
    WRONG_PHASE = 409, "wrong_phase", "The sale is in another phase", "Read the event's state, and take the steps before this one first.";
    NOTHING_ASKED = 422, "nothing_asked", "Nothing was asked for", "Ask for at least one place.";
    UNKNOWN_SEAT = 422, "unknown_seat", "There is no such seat", "Take seats from the event's seat map.";
    UNKNOWN_AREA = 422, "unknown_area", "There is no such area", "Take areas from the event's seat map.";
    UNKNOWN_TIER = 422, "unknown_tier", "There is no such price tier", "Take tiers from the event's seat map.";
    UNKNOWN_SECTION = 422, "unknown_section", "There is no such section", "Take sections from the event's seat map.";
    DUPLICATE_SEAT = 422, "duplicate_seat", "The same seat is named twice", "Name each seat once.";
    BAD_PRICES = 422, "bad_prices", "The prices cannot be", "Each tier needs one price, at most the largest.";
    BAD_LIMITS = 422, "bad_limits", "The limits cannot be", "No limit may be zero or contradict another.";
    ORDER_LIMIT = 409, "order_limit", "More places than one order may have", "Ask for fewer; places_max is the limit.";
    BUYER_LIMIT = 409, "buyer_limit", "More places than one buyer may have", "Ask for fewer; places_max is the limit and has_count what you have.";
    HOLD_LIMIT = 409, "hold_limit", "You hold places already", "Finish or release what you hold; holds_max is the limit.";
    SEATS_TAKEN = 409, "seats_taken", "Somebody was faster", "The seats in seats are gone; choose others.";
    NO_BLOCK_LEFT = 409, "no_block_left", "There are not so many places left", "Ask for fewer, or in another section or tier; seats_left is what there is.";
    AREA_FULL = 409, "area_full", "The area has fewer places left", "Ask for at most left_count.";
    SEATS_IN_USE = 409, "seats_in_use", "The seats are held or sold", "Only free seats can be blocked; seats names those that are not.";
    SEATS_NOT_BLOCKED = 409, "seats_not_blocked", "The seats are not blocked", "seats names those that are not.";
    UNKNOWN_HOLD = 404, "unknown_hold", "There is no such hold", "It may be somebody else's.";
    HOLD_RELEASED = 410, "hold_released", "The hold was given back", "Choose places again.";
    HOLD_EXPIRED = 410, "hold_expired", "The hold's time is up", "Choose places again; yours may still be free.";
    HOLD_IN_CHECKOUT = 409, "hold_in_checkout", "The hold has an order already", "Pay or cancel that order.";
    HOLD_AT_CAP = 409, "hold_at_cap", "The hold cannot be extended further", "Finish before expires_at.";
    UNKNOWN_ORDER = 404, "unknown_order", "There is no such order", "It may be somebody else's.";
    ORDER_STATE = 409, "order_state", "The order is not in a state that allows this", "state is the state it is in.";
    BAD_REFUND_LINE = 422, "bad_refund_line", "A line cannot be refunded", "line does not exist or is refunded already.";
    UNKNOWN_REFUND = 404, "unknown_refund", "There is no such refund", "Check its id.";
    CAPTURE_SHORT = 409, "capture_short", "Less was captured than the order costs", "total_minor is what it costs.";
    TICKETS_IN_PREPARATION = 409, "tickets_in_preparation", "The tickets are being prepared", "The seats are yours. Come back in a moment.";
    NO_TICKETS = 409, "no_tickets", "The order has no tickets", "Tickets are made when the order is paid.";

    // The organizer.
    NO_PLAN = 409, "no_plan", "The event has no seating plan", "Upload or generate one first.";
    PLAN_INVALID = 422, "plan_invalid", "The seating plan has faults", "errors names each fault and its place.";
    NOT_READY = 422, "not_ready", "The event cannot be published yet", "errors names everything that is missing.";
    NOT_A_DRAFT = 409, "not_a_draft", "Only a draft can be changed like this", "Cancel the event instead, or change what may still change.";
}
