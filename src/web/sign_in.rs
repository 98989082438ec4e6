//! `/login`: people sign in with a token, or a name and password, and sign out again.

use std::sync::Arc;

use askama::Template;
use axum::body::Body;
use axum::extract::Extension;
use axum::extract::Request;
use axum::extract::State;
use axum::http::HeaderValue;
use axum::http::StatusCode;
use axum::http::Uri;
use axum::http::header;
use axum::response::IntoResponse;
use axum::response::Response;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;

use crate::web::access::Asked;
use crate::web::access::Door;
use crate::web::access::credentials::Shown;
use crate::web::access::credentials::Who;
use crate::web::access::paths::FORMS;
use crate::web::access::paths::SIGN_IN_PAGE;
use crate::web::access::sessions::Cookie;
use crate::web::access::sessions::Session;
use crate::web::asker::Asker;
use crate::web::asker::Role;
use crate::web::assets;
use crate::web::forms;
use crate::web::forms::random;
use crate::web::frame;
use crate::web::params::Params;
use crate::web::posted;
use crate::web::problem::Problem;
use crate::web::state::AppState;

/// Where to go after the sign-in.
const TO: &str = "to";

#[derive(Template)]
#[template(path = "login.html")]
struct Page<'a> {
    style: String,
    key: String,
    to: &'a str,
    /// The name that was given before.
    user: &'a str,
    /// There are users.
    users: bool,
    /// There is a token.
    tokens: bool,
    trouble: Option<&'static str>,
}

/// The way from a page that is asked for to the sign-in, and back.
#[must_use]
pub fn way(page: &Uri) -> HeaderValue {
    let asked = page.path_and_query().map_or("/", |page| page.as_str());
    let to = serde_urlencoded::to_string([(TO, own(Some(asked)))]).unwrap_or_default();
    let plain = HeaderValue::from_static(SIGN_IN_PAGE);
    if asked == "/" {
        return plain;
    }
    HeaderValue::try_from(format!("{SIGN_IN_PAGE}?{to}")).unwrap_or(plain)
}

/// `GET /login`
pub async fn page(
    State(app): State<AppState>,
    Extension(door): Extension<Door>,
    params: Params,
    request: Request,
) -> Result<Response, Problem> {
    params.only(&[TO])?;
    let to = own(params.get(TO));
    let asked = Asked::of(&request);
    let signed_in = open(&door, asked).is_some();
    if signed_in || door.access().known().is_empty() {
        return Ok(see(to));
    }
    form(&app, &door, asked, (to, ""), None)
}

/// `POST /do/login`
pub async fn sign_in(
    State(app): State<AppState>,
    Extension(door): Extension<Door>,
    request: Request,
) -> Result<Response, Problem> {
    let (parts, body) = request.into_parts();
    let fields = posted::read(&parts.headers, body).await?;
    let request = Request::from_parts(parts, Body::empty());
    let asked = Asked::of(&request);
    let field = |name: &str| fields.get(name).map_or("", String::as_str);
    let browser = Cookie::SignIn
        .read(asked.headers, asked.peer.secure)
        .unwrap_or_default();
    app.forms
        .redeem(&visitor(browser), field(forms::FIELD), Timestamp::now())?;
    let (to, name) = (own(fields.get(TO).map(String::as_str)), field("user").trim());
    let shown = Shown::Password {
        name: name.to_owned(),
        password: field("password").as_bytes().to_vec(),
    };
    match door.sign_in(asked, shown).await {
        Ok(Some(who)) => admitted(&door, asked, who, to),
        Ok(None) => form(
            &app,
            &door,
            asked,
            (to, name),
            Some("That is not right. Nobody was signed in."),
        ),
        Err(problem) => Err(problem),
    }
}

/// `POST /do/logout`
pub async fn sign_out(
    State(app): State<AppState>,
    Extension(door): Extension<Door>,
    asker: Asker,
    request: Request,
) -> Result<Response, Problem> {
    let (parts, body) = request.into_parts();
    let fields = posted::read(&parts.headers, body).await?;
    let request = Request::from_parts(parts, Body::empty());
    let (asked, now) = (Asked::of(&request), Timestamp::now());
    let key = fields.get(forms::FIELD).map_or("", String::as_str);
    app.forms.redeem(&asker, key, now)?;
    if let Some(session) = open(&door, asked) {
        door.sessions().end(&session, &app.store, now).await;
    }
    let gone = Cookie::Session.set("", asked.peer.secure);
    let mut response = see(SIGN_IN_PAGE);
    response
        .headers_mut()
        .extend(gone.map(|gone| (header::SET_COOKIE, gone)));
    Ok(response)
}

/// A new session, never one that was there before.
fn admitted(door: &Door, asked: Asked<'_>, who: Who, to: &str) -> Result<Response, Problem> {
    let session = Session::begin(who, Timestamp::now());
    let cookie = door.sessions().sealed(&session, door.access().known());
    let cookie = cookie.and_then(|text| Cookie::Session.set(&text, asked.peer.secure));
    let cookie = cookie.ok_or_else(|| {
        Problem::new(
            StatusCode::CONFLICT,
            "The configuration was changed meanwhile. Sign in again.",
        )
    })?;
    let mut response = see(to);
    response.headers_mut().insert(header::SET_COOKIE, cookie);
    Ok(response)
}

fn form(
    app: &AppState,
    door: &Door,
    asked: Asked<'_>,
    (to, user): (&str, &str),
    trouble: Option<&'static str>,
) -> Result<Response, Problem> {
    let secure = asked.peer.secure;
    // A second window of the same browser leaves the form in the first one good.
    let known = Cookie::SignIn.read(asked.headers, secure);
    let known = known.filter(|text| text.len() == 22 && text.bytes().all(|b| b.is_ascii_graphic()));
    let browser = known.map_or_else(|| URL_SAFE_NO_PAD.encode(random::<16>()), str::to_owned);
    let access = door.access();
    let page = Page {
        style: assets::address("style.css"),
        key: app.forms.issue(&visitor(&browser), Timestamp::now()),
        to,
        user,
        users: access.known().has_users(),
        tokens: access.known().has_tokens(),
        trouble,
    };
    let mut response = frame::html(&page)?;
    if trouble.is_some() {
        *response.status_mut() = StatusCode::UNAUTHORIZED;
    }
    let cookie = Cookie::SignIn.set(&browser, secure);
    response
        .headers_mut()
        .extend(cookie.map(|cookie| (header::SET_COOKIE, cookie)));
    Ok(response)
}

/// Whoever has the browser with that cookie: the form of the sign-in is theirs alone.
fn visitor(browser: &str) -> Asker {
    Asker {
        session: Arc::from(format!("sign-in {browser}")),
        ..Asker::nobody(Role::Look)
    }
}

fn open(door: &Door, asked: Asked<'_>) -> Option<Session> {
    let cookie = Cookie::Session.read(asked.headers, asked.peer.secure)?;
    door.sessions()
        .open(cookie, door.access().known(), Timestamp::now())
}

/// A page of ours to go to; never another host, a form, or the sign-in itself.
fn own(to: Option<&str>) -> &str {
    let good = |to: &&str| posted::is_own(to) && !to.starts_with(SIGN_IN_PAGE) && !to.starts_with(FORMS);
    to.filter(good).unwrap_or("/")
}

fn see(place: &str) -> Response {
    let place = HeaderValue::try_from(place).unwrap_or(HeaderValue::from_static("/"));
    (StatusCode::SEE_OTHER, [(header::LOCATION, place)]).into_response()
}
