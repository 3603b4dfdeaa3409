//! Answers. One function a kind; all of them end here for the headers that every answer has.

mod anchor;
mod content;
mod directory;
mod refusal;
mod route;
mod sites;
mod trustless;

use crate::api::{Heads, Names, Nobody, Records};
use crate::config::{Config, ConfigError};
use crate::core::format::{self, Format};
use crate::core::path::Steps;
use crate::core::{asker, cache};
use crate::server::{Counted, Pool, Quota, Quotas};
use anchor::Anchor;
use axum::body::{Body, HttpBody};
use axum::extract::{Request, State};
use axum::response::Response;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Version, header};
use leither_kit::source::Source;
use refusal::Refusal;
use route::{Routed, Site};
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::sync::Semaphore;

/// The gateway: cheap to clone, one for all connections.
#[derive(Clone)]
pub struct Gateway(Arc<Shared>);

struct Shared {
    pool: Arc<Pool>,
    quotas: Arc<Quotas>,
    heads: Arc<dyn Heads>,
    names: Arc<dyn Names>,
    records: Arc<dyn Records>,
    config: Config,
    cars: Arc<Semaphore>,
}

/// The gateway, as one connection sees it.
#[derive(Clone)]
struct Visited {
    shared: Arc<Shared>,
    /// Who is at its other end, where that is known.
    peer: Option<IpAddr>,
    /// Becomes true when nothing but the connection's end tells where an answer ends.
    end_tells: Arc<AtomicBool>,
}

impl Gateway {
    /// Over a source of blocks; without heads, names and records.
    pub fn new(source: Arc<dyn Source>, config: Config) -> Result<Self, ConfigError> {
        config.check()?;
        Ok(Self(Arc::new(Shared {
            pool: Arc::new(Pool::new(source, &config)),
            quotas: Arc::new(Quotas::new(config.misses_max)),
            heads: Arc::new(Nobody),
            names: Arc::new(Nobody),
            records: Arc::new(Nobody),
            cars: Arc::new(Semaphore::new(config.cars_max)),
            config,
        })))
    }

    /// With what knows heads, names and records.
    pub fn with(self, heads: Arc<dyn Heads>, names: Arc<dyn Names>, records: Arc<dyn Records>) -> Self {
        let Shared { pool, quotas, config, cars, .. } = &*self.0;
        let (pool, quotas, config, cars) = (pool.clone(), quotas.clone(), config.clone(), cars.clone());
        Self(Arc::new(Shared { pool, quotas, heads, names, records, config, cars }))
    }

    /// What it was made with.
    pub fn config(&self) -> &Config {
        &self.0.config
    }

    /// All of it, as axum has it, for who is not counted. [`serve`](crate::serve) adds the bounds on connections and addresses.
    pub fn router(&self) -> axum::Router {
        self.router_of(None, Arc::default())
    }

    /// The same, for a connection from an address, that learns whether its end is the end of an answer.
    pub(crate) fn router_of(&self, peer: Option<IpAddr>, end_tells: Arc<AtomicBool>) -> axum::Router {
        axum::Router::new().fallback(answer).with_state(Visited { shared: self.0.clone(), peer, end_tells })
    }
}

/// One request, as far as answers need it.
pub(crate) struct Ask {
    shared: Arc<Shared>,
    /// Blocks, counted (GW-13).
    source: Arc<dyn Source>,
    headers: HeaderMap,
    /// As it was written.
    path: String,
    query: Option<String>,
    head: bool,
}

impl Ask {
    fn parameter(&self, name: &str) -> Option<String> {
        crate::core::query::parameter(self.query.as_deref(), name)
    }

    fn header(&self, name: HeaderName) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// `?` and the query, or nothing.
    fn question(&self) -> String {
        self.query.as_ref().map(|query| format!("?{query}")).unwrap_or_default()
    }
}

async fn answer(State(Visited { shared, peer, end_tells }): State<Visited>, request: Request) -> Response {
    let (parts, _) = request.into_parts();
    let head = parts.method == Method::HEAD;
    let old = parts.version == Version::HTTP_10;
    let mut response = match parts.method {
        Method::GET | Method::HEAD => {
            let local = cache::asks(&parts.headers, "only-if-cached");
            let asker = peer.and_then(|peer| asker::asker(peer, &parts.headers));
            let quota = asker.map(|asker| Quota::new(shared.quotas.clone(), asker));
            let counted = Counted::new(shared.pool.clone(), quota, local);
            let host = parts.uri.authority().map(|authority| authority.as_str().to_string());
            let ask = Ask {
                source: Arc::new(counted),
                shared,
                path: parts.uri.path().into(),
                query: parts.uri.query().map(Into::into),
                headers: parts.headers,
                head,
            };
            match find(&ask, host, local).await {
                Ok(response) => response,
                Err(refusal) => refusal.response(local),
            }
        }
        // GW-1
        Method::OPTIONS => plain(StatusCode::NO_CONTENT, Body::empty()),
        _ => {
            let mut response =
                Refusal::new(StatusCode::METHOD_NOT_ALLOWED, "a gateway only reads: GET, HEAD and OPTIONS").response(false);
            set(&mut response, header::ALLOW, "GET, HEAD, OPTIONS");
            response
        }
    };
    common(&mut response);
    if head {
        *response.body_mut() = Body::empty();
    }
    // GW-16: HTTP/1.0 has no chunks, whose last one would tell.
    let has_length = response.headers().contains_key(header::CONTENT_LENGTH) || response.body().size_hint().exact().is_some();
    if old && !has_length {
        end_tells.store(true, Ordering::Relaxed);
    }
    response
}

async fn find(ask: &Ask, authority: Option<String>, local: bool) -> Result<Response, Refusal> {
    let (site, steps) = match route::route(ask, authority).await? {
        Routed::Site(site, steps) => (site, steps),
        Routed::Moved(status, location) => return moved(status, &location),
        Routed::Told(response) => return Ok(response),
    };
    let anchor = anchor::anchor(ask, &site.root).await?;
    // GW-8: asked of the root alone; what is below counts as missing when it turns out to be.
    if local && !ask.source.has(&anchor.cid).await {
        return Err(Refusal::new(StatusCode::PRECONDITION_FAILED, "the content is not here, and was asked for only if it is"));
    }
    let wanted = format::wanted(ask.query.as_deref(), &ask.headers).map_err(|why| Refusal::new(StatusCode::BAD_REQUEST, why))?;
    let place = At { site, anchor, steps };
    let mut response = match wanted.format {
        Format::Content => content::content(ask, &place).await?,
        Format::Raw => trustless::raw(ask, &place).await?,
        Format::Car(plan) => trustless::car(ask, &place, plan).await?,
        Format::Document(document) => trustless::document(ask, &place, document).await?,
        Format::Record => trustless::record(ask, &place).await?,
        Format::Tar => {
            let text = "no TAR is made here; ask for the content's blocks (?format=car), which can be checked, too";
            return Err(Refusal::new(StatusCode::NOT_ACCEPTABLE, text));
        }
    };
    if let Some(name) = wanted.from_header {
        let query = ask.query.as_ref().map(|query| format!("{query}&")).unwrap_or_default();
        set(&mut response, header::CONTENT_LOCATION, &format!("{}?{query}format={name}", ask.path));
    }
    place.anchor.mark(&mut response);
    Ok(response)
}

/// Where a request has led: an origin, its root, and steps below it.
pub(crate) struct At {
    site: Site,
    anchor: Anchor,
    steps: Steps,
}

impl At {
    /// All steps from the root block: those that the name brought, and those of the URL.
    fn path(&self) -> Vec<&str> {
        self.anchor.below.iter().chain(&self.steps.steps).map(String::as_str).collect()
    }

    /// The content path, percent-encoded, as it was asked.
    fn ipfs_path(&self) -> String {
        let slash = if self.steps.slash && !self.steps.steps.is_empty() { "/" } else { "" };
        format!("{}{}{slash}", self.site.content_path, crate::core::path::join(&self.steps.steps))
    }

    /// The last name in the path: what a download is called.
    fn name(&self) -> Option<&str> {
        self.steps.steps.last().or(self.anchor.below.last()).map(String::as_str)
    }
}

fn plain(status: StatusCode, body: Body) -> Response {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response
}

/// Sets a header. What cannot stand in one is left out: all of ours are ASCII by the way they are made.
fn set(response: &mut Response, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::try_from(value) {
        response.headers_mut().insert(name, value);
    }
}

/// The same, where the value is known.
fn set_fixed(response: &mut Response, name: HeaderName, value: &'static str) {
    response.headers_mut().insert(name, HeaderValue::from_static(value));
}

fn moved(status: StatusCode, location: &str) -> Result<Response, Refusal> {
    let text = "the redirect's address cannot be written in a header";
    let value = HeaderValue::try_from(location).map_err(|_| Refusal::new(StatusCode::BAD_REQUEST, text))?;
    let mut response = plain(status, Body::empty());
    response.headers_mut().insert(header::LOCATION, value);
    Ok(response)
}

/// GW-1, GW-4: what every answer says. Anybody's page may read what anybody may fetch.
fn common(response: &mut Response) {
    set_fixed(response, header::ACCESS_CONTROL_ALLOW_ORIGIN, "*");
    set_fixed(response, header::ACCESS_CONTROL_ALLOW_METHODS, "GET, HEAD, OPTIONS");
    set_fixed(response, header::ACCESS_CONTROL_ALLOW_HEADERS, "Content-Type, Range, User-Agent, X-Requested-With");
    set_fixed(
        response,
        header::ACCESS_CONTROL_EXPOSE_HEADERS,
        "Content-Length, Content-Range, X-Chunked-Output, X-Ipfs-Path, X-Ipfs-Roots, X-Stream-Output, X-Leither-Proof, X-Leither-Version",
    );
    set_fixed(response, header::X_CONTENT_TYPE_OPTIONS, "nosniff");
}
