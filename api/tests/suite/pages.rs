//! Pages as a browser without JavaScript uses them: forms, redirects and cookies, nothing else.

use reqwest::StatusCode;
use reqwest::header::{COOKIE, LOCATION, ORIGIN, SET_COOKIE};

use crate::support::TestHouse;

/// A browser: keeps cookies, follows no redirect by itself.
pub(crate) struct Browser<'a> {
    pub(crate) house: &'a TestHouse,
    cookies: Vec<String>,
}

impl<'a> Browser<'a> {
    pub(crate) fn new(house: &'a TestHouse) -> Self {
        Self { house, cookies: Vec::new() }
    }

    pub(crate) async fn send(&mut self, request: reqwest::RequestBuilder) -> reqwest::Response {
        let request = request.header(COOKIE, self.cookies.join("; ")).header("Accept", "text/html");
        let response = request.send().await.unwrap();
        for cookie in response.headers().get_all(SET_COOKIE) {
            let cookie = cookie.to_str().unwrap().split(';').next().unwrap().to_owned();
            self.cookies.push(cookie);
        }
        response
    }

    pub(crate) async fn get(&mut self, path: &str) -> String {
        let request = self.house.http.get(format!("{}{path}", self.house.url));
        let response = self.send(request).await;
        assert_eq!(response.status(), StatusCode::OK, "{path}");
        response.text().await.unwrap()
    }

    /// Sends a form and tells where it leads, as a path.
    pub(crate) async fn post(&mut self, path: &str, fields: &[(&str, &str)]) -> String {
        let house = self.house;
        let request = house.http.post(format!("{}{path}", house.url)).header(ORIGIN, &house.url).form(fields);
        let response = self.send(request).await;
        let status = response.status();
        let Some(place) = response.headers().get(LOCATION).cloned() else {
            panic!("{path} answered {status}: {}", response.text().await.unwrap());
        };
        assert_eq!(status, StatusCode::SEE_OTHER, "{path}");
        place.to_str().unwrap().trim_start_matches(&house.url).to_owned()
    }
}

/// The first `value` behind `before` in a page.
pub(crate) fn after<'a>(html: &'a str, before: &str, until: char) -> &'a str {
    let start = html.find(before).unwrap_or_else(|| panic!("no {before} in {html}")) + before.len();
    html[start..].split(until).next().unwrap()
}

/// Pays on the sandbox's page and gives the order page's path.
async fn pay(browser: &mut Browser<'_>, payment: &str, card: &str) -> String {
    let page = browser.get(payment).await;
    let secret = after(&page, "client_secret\" value=\"", '"').to_owned();
    let back = after(&page, "return_url\" value=\"", '"').replace("&#38;", "&").replace("&amp;", "&");
    let path = payment.split('?').next().unwrap().to_owned();
    browser.post(&path, &[("client_secret", &secret), ("card", card), ("return_url", &back)]).await
}

#[actix_web::test]
async fn seats_are_bought_by_forms_alone() {
    let house = TestHouse::start().await;
    let key = house.organizer().await;
    let event = house.event_on_sale(&key, 4_500).await;
    let mut browser = Browser::new(&house);
    assert!(browser.get("/").await.contains(&format!("/events/{event}")));
    assert!(browser.get(&format!("/events/{event}")).await.contains("EUR 45.00"));
    let seats = browser.get(&format!("/events/{event}/seats")).await;
    let section = after(&seats, "?section=", '#').to_owned();
    let list = browser.get(&format!("/events/{event}/seats?section={section}")).await;
    let (form_key, seat) =
        (format!("{}-list", after(&list, "name=\"key\" value=\"", '-')), after(&list, "name=\"seat\" value=\"", '"'));
    let hold = browser.post(&format!("/events/{event}/hold"), &[("key", &form_key), ("seat", seat)]).await;
    assert!(browser.get(&hold).await.contains("EUR 45.00"));
    assert_eq!(browser.post(&format!("{hold}/keep"), &[]).await, hold);
    let page = browser.get(&hold).await;
    let checkout = after(&page, "name=\"key\" value=\"", '"').to_owned();
    let fields = [("key", checkout.as_str()), ("name", "Zoë <b>Ω</b>"), ("email", "zoe@example.org")];
    let payment = browser.post(&format!("{hold}/checkout"), &fields).await;
    let order = pay(&mut browser, &payment, "4242424242424242").await;
    let path = order.clone();
    let api = order.replace("/orders/", "/api/v1/orders/");
    house.until(&api, None, |order| order["lines"][0]["ticket_ready"] == true).await;
    let page = browser.get(&path).await;
    assert!(page.contains("Download all tickets"), "{page}");
    assert!(browser.get("/me/orders").await.contains(">Paid<"));
    house.stop().await;
}

#[actix_web::test]
async fn a_hold_that_is_given_back_frees_its_seats() {
    let house = TestHouse::start().await;
    let key = house.organizer().await;
    let event = house.event_on_sale(&key, 4_500).await;
    let mut browser = Browser::new(&house);
    let hold_path = format!("/events/{event}/hold");
    let hold = browser.post(&hold_path, &[("key", "a-best-try-of-mine"), ("quantity", "2")]).await;
    assert_eq!(browser.post(&format!("{hold}/release"), &[]).await, format!("/events/{event}/seats"));
    assert!(browser.get(&format!("/events/{event}")).await.contains("60 of 60 places are free"));
    house.stop().await;
}

#[actix_web::test]
async fn an_organizer_gets_from_registering_to_a_sale_in_four_screens() {
    let house = TestHouse::start().await;
    let mut browser = Browser::new(&house);
    let fields = [("organizer_name", "Shows & Sons"), ("email", "o@example.org"), ("password", "a long password")];
    assert_eq!(browser.post("/organizer/register", &fields).await, "/organizer");
    assert!(browser.get("/organizer").await.contains("Shows &#38; Sons"));
    let fields = [
        ("name", "First Night"),
        ("venue", "Hall 1"),
        ("description", ""),
        ("starts_at", "2030-03-01T19:30"),
        ("time_zone", "Europe/Vienna"),
        ("currency", "EUR"),
        ("template", "hall"),
        ("seats_count", "60"),
        ("standing_count", ""),
    ];
    let control = browser.post("/organizer/events/new", &fields).await;
    let page = browser.get(&control).await;
    let tiers: Vec<String> =
        page.split("name=\"price.").skip(1).map(|rest| format!("price.{}", rest.split('"').next().unwrap())).collect();
    let prices: Vec<(&str, &str)> = tiers.iter().map(|tier| (tier.as_str(), "19.50")).collect();
    let priced = browser.post(&format!("{control}/prices"), &prices).await;
    assert_eq!(priced, format!("{control}?prices_set"));
    assert!(browser.get(&priced).await.contains("The prices are set."));
    for step in ["publish", "open"] {
        assert_eq!(browser.post(&format!("{control}/steps/{step}"), &[]).await, control);
    }
    assert!(browser.get("/").await.contains("First Night"));
    assert!(browser.get(&format!("{control}/sales")).await.contains("of 60 (0 %)"));
    assert!(browser.get(&format!("{control}/orders")).await.contains("No orders yet"));
    // One slip of the finger calls no event off.
    let request = house.http.post(format!("{}{control}/steps/cancel", house.url)).header(ORIGIN, &house.url);
    let response = browser.send(request.form(&[("sure", "")])).await;
    assert_eq!(response.status(), StatusCode::UNPROCESSABLE_ENTITY);
    assert!(browser.get(&control).await.contains("On sale"));
    assert_eq!(browser.post(&format!("{control}/steps/cancel"), &[("sure", "yes")]).await, control);
    assert!(browser.get(&control).await.contains("Cancelled"));
    house.stop().await;
}

#[actix_web::test]
async fn who_has_to_log_in_is_led_to_the_login_and_back() {
    let house = TestHouse::start().await;
    house.organizer().await;
    let mut browser = Browser::new(&house);
    let request = house.http.get(format!("{}/organizer/events/new", house.url));
    let response = browser.send(request).await;
    assert_eq!(response.status(), StatusCode::SEE_OTHER);
    let login = response.headers()[LOCATION].to_str().unwrap().to_owned();
    assert_eq!(login, "/organizer/login?next=%2Forganizer%2Fevents%2Fnew");
    let page = browser.get(&login).await;
    let next = after(&page, "name=\"next\" value=\"", '"').to_owned();
    let [email, password] = ["organizer@example.org", "correct horse"];
    let fields = [("email", email), ("password", password), ("next", &next)];
    assert_eq!(browser.post("/organizer/login", &fields).await, "/organizer/events/new");
    for elsewhere in ["https://evil.example/", "//evil.example/", "/organizer/\\evil", "/organizer//evil", ""] {
        let fields = [("email", email), ("password", password), ("next", elsewhere)];
        assert_eq!(browser.post("/organizer/login", &fields).await, "/organizer", "{elsewhere}");
    }
    house.stop().await;
}

#[actix_web::test]
async fn a_browser_is_told_of_a_problem_in_words_and_in_the_frame_of_the_pages() {
    let house = TestHouse::start().await;
    let mut browser = Browser::new(&house);
    for (path, status, words) in [
        ("/nothing-here", StatusCode::NOT_FOUND, "There is nothing here"),
        ("/events/evt_0/holds/hld_0", StatusCode::UNAUTHORIZED, "This browser holds no places here"),
        ("/admin/jobs", StatusCode::SEE_OTHER, ""),
    ] {
        let response = browser.send(house.http.get(format!("{}{path}", house.url))).await;
        assert_eq!(response.status(), status, "{path}");
        let html = response.text().await.unwrap();
        assert!(html.contains(words) && (words.is_empty() || html.contains("aria-label=\"Main\"")), "{path}: {html}");
    }
    house.stop().await;
}
