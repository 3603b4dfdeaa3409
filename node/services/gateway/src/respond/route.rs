//! GW-2: from host and path to an origin and its root.

use super::refusal::Refusal;
use super::{Ask, plain, set};
use crate::api::Version;
use crate::core::format::{self, Format};
use crate::core::host::{self, LABEL_BYTES_MAX, Namespace, Place};
use crate::core::ipns::Name;
use crate::core::path::{self, Steps};
use crate::core::text;
use axum::body::Body;
use axum::response::Response;
use http::{HeaderName, StatusCode, header};
use leither_kit::Cid;
use leither_kit::multibase::Base;
use leither_kit::node::{codec, id_of};
use leither_types::MimeiId;
use std::net::IpAddr;

const HELP: &str = "This is a Leither gateway. It serves /ipfs/<content id>[/path], /mm/<MiMei id>[@version][/path], /tpt/<app's MiMei id>[/path] and \
    /ipns/<key or name>[/path].\n";

/// What stands at the root of a URL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Root {
    Ipfs(Cid),
    Key(Name),
    Dns(String),
    Mm(MimeiId, Version),
}

/// An origin, or a part of one.
#[derive(Clone, Debug)]
pub(super) struct Site {
    pub(super) root: Root,
    /// `/ipfs/<cid>`: how the root is called everywhere.
    pub(super) content_path: String,
    /// What URLs of this site begin with: nothing on an origin of its own.
    pub(super) base: String,
    /// It shares its origin with nobody.
    pub(super) own: bool,
    /// The gateway's host, on an origin of its own below it.
    pub(super) gateway: Option<String>,
}

/// Where a request leads.
pub(super) enum Routed {
    Site(Site, Steps),
    Moved(StatusCode, String),
    Told(Response),
}

pub(super) async fn route(ask: &Ask, authority: Option<String>) -> Result<Routed, Refusal> {
    let forwarded = ask.header(HeaderName::from_static("x-forwarded-host")).and_then(|hosts| hosts.split(',').next());
    let host = forwarded.or(ask.header(header::HOST)).map(str::to_string).or(authority).unwrap_or_default();
    match host::place(&ask.shared.config.hosts, &host) {
        Place::Own { namespace, label, base } => {
            let root = of_label(namespace, &label)?;
            let content_path = content_path(&root);
            let site = Site { root, content_path, base: String::new(), own: true, gateway: Some(base) };
            Ok(Routed::Site(site, steps(&ask.path)?))
        }
        Place::Gateway(base) => by_path(ask, Some(&base)).await,
        Place::Other(name) => match by_path(ask, None).await {
            // GW-12: a name of somebody's own, which leads here.
            Err(refusal) if refusal.nowhere && is_dns(&name) && name.parse::<IpAddr>().is_err() => {
                of_domain(ask, name, refusal).await
            }
            Err(refusal) if refusal.nowhere && ask.path == "/" => Ok(Routed::Told(help())),
            routed => routed,
        },
    }
}

async fn of_domain(ask: &Ask, name: String, refusal: Refusal) -> Result<Routed, Refusal> {
    match ask.shared.names.dnslink(&name).await {
        Ok(Some(_)) => {
            let content_path = format!("/ipns/{name}");
            let site = Site { root: Root::Dns(name), content_path, base: String::new(), own: true, gateway: None };
            Ok(Routed::Site(site, steps(&ask.path)?))
        }
        // Most hosts are no names of ours: an address, a proxy's. Then the path was meant as one.
        Ok(None) | Err(_) => Err(refusal),
    }
}

async fn by_path(ask: &Ask, gateway: Option<&str>) -> Result<Routed, Refusal> {
    let mut parts = ask.path.trim_start_matches('/').splitn(3, '/');
    let (space, id, rest) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default(), parts.next());
    if gateway.is_some() && ask.path == "/" {
        return Ok(Routed::Told(help()));
    }
    let namespace = if space == "tpt" { Some(Namespace::Mm) } else { Namespace::of(space) };
    let Some(namespace) = namespace else {
        let mut refusal = Refusal::new(StatusCode::NOT_FOUND, HELP.trim_end());
        refusal.nowhere = true;
        return Err(refusal);
    };
    if id.is_empty() {
        return match ask.parameter("uri") {
            Some(uri) => of_uri(&uri).map(|to| Routed::Moved(StatusCode::MOVED_PERMANENTLY, to)),
            None => Err(Refusal::bad(format!("the path /{space}/ names nothing; write /{space}/<id>"))),
        };
    }
    let invalid = |why: &str| Refusal::bad(format!("invalid path \"{}\": {why}", ask.path));
    let text = text::decode(id).ok_or_else(|| invalid("a percent escape is broken"))?;
    let mut root = of_text(namespace, &text).map_err(|why| invalid(&why))?;
    if let (true, Root::Mm(mimei, Version::Standard)) = (space == "tpt", &root) {
        // An application runs in its released version.
        root = Root::Mm(*mimei, Version::Release);
    }
    if let Some(gateway) = gateway {
        let label = label(&root)?;
        let page = matches!(format::wanted(ask.query.as_deref(), &ask.headers).map(|wanted| wanted.format), Ok(Format::Content));
        // What is checked by who asks is no page: it may come from anywhere, and many clients follow no redirect to a host of that form.
        if page {
            let scheme = match ask.header(HeaderName::from_static("x-forwarded-proto")) {
                Some("https") => "https",
                _ => "http",
            };
            let to = format!("{scheme}://{label}.{}.{gateway}/{}{}", namespace.name(), rest.unwrap_or_default(), ask.question());
            return Ok(Routed::Moved(StatusCode::MOVED_PERMANENTLY, to));
        }
    }
    // GW-4: a worker would rule over what others have on this origin.
    if ask.header(HeaderName::from_static("service-worker")) == Some("script") {
        return Err(Refusal::bad(
            "no service worker may be registered on an origin that many share; open the content on an origin of its own",
        ));
    }
    let content_path = content_path(&root);
    let base = format!("/{space}/{}", text::encode(&text));
    let steps =
        Steps { slash: rest.is_some_and(|rest| rest.is_empty() || rest.ends_with('/')), ..steps(rest.unwrap_or_default())? };
    Ok(Routed::Site(Site { root, content_path, base, own: false, gateway: None }, steps))
}

fn steps(path: &str) -> Result<Steps, Refusal> {
    path::steps(path).map_err(|error| Refusal::bad(format!("the path is refused: {error}")))
}

fn help() -> Response {
    let mut response = plain(StatusCode::OK, Body::from(HELP));
    set(&mut response, header::CONTENT_TYPE, "text/plain; charset=utf-8");
    response
}

/// The root that a path names.
fn of_text(namespace: Namespace, text: &str) -> Result<Root, String> {
    match namespace {
        Namespace::Ipfs => id_of(text).map(Root::Ipfs).ok_or_else(|| format!("{text:?} is no content id")),
        Namespace::Ipns => match Name::read(text) {
            Some(name) => Ok(Root::Key(name)),
            None if is_dns(text) => Ok(Root::Dns(text.to_ascii_lowercase())),
            None => Err(format!("{text:?} is neither the CID of an ed25519 key nor a DNS name")),
        },
        Namespace::Mm => {
            let (mimei, version) = text.split_once('@').map_or((text, None), |(mimei, version)| (mimei, Some(version)));
            let mimei = mimei.parse::<MimeiId>().map_err(|error| error.to_string())?;
            let version = version.map_or(Ok(Version::Standard), str::parse)?;
            Ok(Root::Mm(mimei, version))
        }
    }
}

/// The root that a label of a host names.
fn of_label(namespace: Namespace, label: &str) -> Result<Root, Refusal> {
    if label.len() > LABEL_BYTES_MAX && !label.contains('.') {
        return Err(Refusal::bad(TOO_LONG));
    }
    let text = match namespace {
        Namespace::Ipfs => label.to_string(),
        Namespace::Ipns if Name::read(label).is_some() || label.contains('.') => label.to_string(),
        Namespace::Ipns => host::outline_name(label),
        // A MiMei's id has no hyphen: behind it stands a version.
        Namespace::Mm => label.replacen('-', "@", 1),
    };
    of_text(namespace, &text).map_err(|why| Refusal::bad(format!("invalid host: {why}")))
}

const TOO_LONG: &str = "CID incompatible with DNS label length limit of 63: ask for it by its path on a host that is an address";

/// The label of a root's own origin.
fn label(root: &Root) -> Result<String, Refusal> {
    let label = match root {
        Root::Ipfs(cid) => {
            let base = if cid.codec() == codec::LIBP2P_KEY { Base::Base36Lower } else { Base::Base32Lower };
            let cid = cid.into_v1().map_err(|_| Refusal::bad("the id cannot be written as a CID of version 1"))?;
            cid.to_string_of_base(base).map_err(|_| Refusal::bad("the id cannot be written in lower case"))?
        }
        Root::Key(name) => name.label(),
        Root::Dns(name) => host::inline_name(name),
        Root::Mm(mimei, Version::Standard) => mimei.to_string(),
        Root::Mm(mimei, version) => format!("{mimei}-{version}"),
    };
    if label.len() > LABEL_BYTES_MAX { Err(Refusal::bad(TOO_LONG)) } else { Ok(label) }
}

fn content_path(root: &Root) -> String {
    match root {
        Root::Ipfs(cid) => format!("/ipfs/{cid}"),
        Root::Key(name) => format!("/ipns/{}", name.label()),
        Root::Dns(name) => format!("/ipns/{name}"),
        Root::Mm(mimei, Version::Standard) => format!("/mm/{mimei}"),
        Root::Mm(mimei, version) => format!("/mm/{mimei}@{version}"),
    }
}

/// Labels of letters, digits and hyphens, two at least.
fn is_dns(text: &str) -> bool {
    let label = |label: &str| {
        (1..=LABEL_BYTES_MAX).contains(&label.len())
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
    };
    text.len() <= 253 && text.contains('.') && text.split('.').all(label)
}

/// A content path, wherever it stands: a root and steps below it.
pub(super) fn of_content_path(text: &str) -> Result<(Root, Vec<String>), String> {
    let mut parts = text.strip_prefix('/').unwrap_or(text).splitn(3, '/');
    let namespace = Namespace::of(parts.next().unwrap_or_default()).ok_or("it begins with none of /ipfs/, /ipns/ and /mm/")?;
    let root = of_text(namespace, parts.next().unwrap_or_default())?;
    let steps = path::steps(parts.next().unwrap_or_default()).map_err(|error| error.to_string())?;
    Ok((root, steps.steps))
}

/// `ipfs://<cid>/path` as a content path.
fn of_uri(uri: &str) -> Result<String, Refusal> {
    let bad = || Refusal::bad("uri is ipfs://<cid>[/path], ipns://<name>[/path] or mm://<id>[/path]");
    let (scheme, rest) = uri.split_once("://").ok_or_else(bad)?;
    let namespace = Namespace::of(&scheme.to_ascii_lowercase()).ok_or_else(bad)?;
    let path = rest.split(['?', '#']).next().unwrap_or_default();
    let steps = steps(path)?;
    match steps.steps.first() {
        Some(id) if of_text(namespace, id).is_ok() => {
            let slash = if steps.slash { "/" } else { "" };
            Ok(format!("/{}{}{slash}", namespace.name(), path::join(&steps.steps)))
        }
        _ => Err(bad()),
    }
}
