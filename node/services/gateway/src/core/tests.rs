#[path = "../../../../../tests/fuzz/src/urls.rs"]
mod urls;

use super::format::{Format, wanted};
use super::host::{Namespace, Place, inline_name, outline_name, place};
use super::ipns::{Name, RECORD_BYTES_MAX, RecordError, seconds, verify};
use super::range::{Asked, asked};
use super::redirects::{Action, decide, parse};
use super::{cache, media, path, query, text};
use crate::core as gateway;
use http::HeaderMap;
use leither_kit::walk::Scope;
use leither_types::SecretKey;
use proptest::prelude::*;

fn hosts() -> Vec<String> {
    vec!["localhost".into(), "example.com".into()]
}

fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
    pairs.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
}

#[test]
fn gw_2_a_host_is_a_gateway_an_origin_below_it_or_neither() {
    let own = |namespace, label: &str, base: &str| Place::Own { namespace, label: label.into(), base: base.into() };
    for (host, wanted) in [
        ("localhost:4800", Place::Gateway("localhost:4800".into())),
        ("EXAMPLE.com", Place::Gateway("example.com".into())),
        ("Bafy.ipfs.localhost:4800", own(Namespace::Ipfs, "bafy", "localhost:4800")),
        ("lthmm1x-3.mm.example.com", own(Namespace::Mm, "lthmm1x-3", "example.com")),
        ("en-w.ipns.example.com", own(Namespace::Ipns, "en-w", "example.com")),
        ("a.b.ipns.example.com", own(Namespace::Ipns, "a.b", "example.com")),
        ("ipfs.example.com", Place::Other("ipfs.example.com".into())),
        ("bafy.other.example.com", Place::Other("bafy.other.example.com".into())),
        ("notexample.com", Place::Other("notexample.com".into())),
        ("127.0.0.1:4800", Place::Other("127.0.0.1".into())),
        ("[::1]:4800", Place::Other(String::new())),
        ("", Place::Other(String::new())),
        ("a b.ipfs.example.com", Place::Other(String::new())),
    ] {
        assert_eq!(place(&hosts(), host), wanted, "{host}");
    }
}

#[test]
fn gw_2_a_dns_name_fits_into_one_label_and_comes_back() {
    assert_eq!(inline_name("en.wikipedia-on-ipfs.org"), "en-wikipedia--on--ipfs-org");
    for name in ["en.wikipedia-on-ipfs.org", "a.b", "x--y.org", "a-b-c.d-e.f"] {
        assert_eq!(outline_name(&inline_name(name)), name);
    }
}

#[test]
fn gw_3_a_path_is_split_before_it_is_decoded_and_never_leads_up() {
    let steps = |raw: &str| path::steps(raw).map(|steps| (steps.steps, steps.slash));
    assert_eq!(steps("/a%20b//%C4%85/"), Ok((vec!["a b".into(), "\u{105}".into()], true)));
    assert_eq!(steps(""), Ok((vec![], false)));
    for traversal in ["/..", "/a/../b", "/%2e%2E/x", "/.", "/a/%2e"] {
        assert_eq!(steps(traversal), Err(path::PathError::Traversal), "{traversal}");
    }
    for name in ["/a%2Fb", "/a%00"] {
        assert_eq!(steps(name), Err(path::PathError::Name));
    }
    for broken in ["/%", "/%4", "/%zz", "/%ff", "/%c4"] {
        assert_eq!(steps(broken), Err(path::PathError::Escape), "{broken}");
    }
    assert_eq!(steps(&"a".repeat(path::PATH_BYTES_MAX + 1)), Err(path::PathError::Long));
    assert_eq!(path::join(["a b", "%", "\u{105}", "x&y"]), "/a%20b/%25/%C4%85/x%26y");
}

#[test]
fn gw_9_names_that_deceive_or_break_out_are_shown_as_they_are() {
    assert_eq!(text::html("<a href=\"x\">'&"), "&lt;a href=&quot;x&quot;&gt;&#39;&amp;");
    assert_eq!(text::html("cod\u{202e}exe.txt\u{200b}\n"), "cod\\u{202e}exe.txt\\u{200b}\\u{a}");
    assert_eq!(text::disposition("inline", "a.txt"), "inline; filename=\"a.txt\"");
    assert_eq!(text::disposition("inline", "te\u{441}t.pdf"), "inline; filename=\"te_t.pdf\"; filename*=UTF-8''te%D1%81t.pdf");
    assert_eq!(
        text::disposition("attachment", "a\"b\r\nX: y/z"),
        "attachment; filename=\"a_b__X: y_z\"; filename*=UTF-8''a%22b%0D%0AX:%20y%2Fz"
    );
}

#[test]
fn gw_6_the_url_beats_the_header_and_a_car_takes_parameters_from_both() {
    let name = |query: Option<&str>, accept: &str| {
        let wanted = wanted(query, &headers(&[("accept", accept)])).unwrap();
        let name = match wanted.format {
            Format::Content => "content".into(),
            Format::Raw => "raw".into(),
            Format::Car(plan) => format!("car {:?} {}", plan.scope, plan.duplicates),
            Format::Document(document) => document.name.into(),
            Format::Record => "record".into(),
            Format::Tar => "tar".into(),
        };
        (name, wanted.from_header)
    };
    let expect = |query, accept, wanted: &str, from_header| assert_eq!(name(query, accept), (wanted.to_string(), from_header));
    expect(None, "*/*", "content", None);
    expect(None, "text/html,application/xhtml+xml,*/*;q=0.8", "content", None);
    expect(None, "image/avif,image/webp", "content", None);
    expect(None, "application/vnd.ipld.raw", "raw", Some("raw"));
    expect(None, "text/html;q=0.1, application/vnd.ipld.raw;q=0.9", "raw", Some("raw"));
    expect(None, "application/vnd.ipld.raw;q=0.1, text/html", "content", None);
    expect(None, "application/vnd.ipld.raw;q=0", "content", None);
    expect(Some("format=raw"), "application/vnd.ipld.car", "raw", None);
    expect(Some("format=car"), "application/vnd.ipld.car; dups=y", "car All true", None);
    expect(Some("format=car&car-dups=n"), "application/vnd.ipld.car; dups=y", "car All false", None);
    expect(Some("format=car"), "application/vnd.ipld.raw", "car All false", None);
    expect(Some("entity-bytes=0%3A*"), "application/vnd.ipld.car", "car Entity false", Some("car"));
    expect(Some("dag-scope=block"), "application/vnd.ipld.car;version=1;order=unk", "car Block false", Some("car"));
    expect(None, "application/vnd.ipld.dag-json", "dag-json", Some("dag-json"));
    expect(Some("format=ipns-record"), "", "record", None);
    for bad in [
        "format=html",
        "format=content",
        "format=car&car-version=2",
        "format=car&car-order=bfs",
        "format=car&dag-scope=x",
        "format=car&entity-bytes=5",
        "format=car&car-dups=2",
    ] {
        assert!(wanted(Some(bad), &HeaderMap::new()).is_err(), "{bad}");
    }
    assert_eq!(Scope::default(), Scope::All);
    assert_eq!(query::parameter(Some("a=1&b=x+y%26&b=2"), "b"), Some("x y&".into()));
    assert_eq!(query::parameter(Some("b=%ff"), "b"), None);
    assert_eq!(query::parameter(Some("c"), "c"), Some(String::new()));
}

#[test]
fn gw_7_a_range_is_cut_to_the_content_or_refused() {
    for (header, size, wanted) in [
        (None, 31, Asked::All),
        (Some("bytes=6-16"), 31, Asked::Part(6..17)),
        (Some("bytes=-3"), 31, Asked::Part(28..31)),
        (Some("bytes=-99"), 31, Asked::Part(0..31)),
        (Some("bytes=30-"), 31, Asked::Part(30..31)),
        (Some("bytes=6-99"), 31, Asked::Part(6..31)),
        (Some("bytes=6-16,0-4"), 31, Asked::Part(6..17)),
        (Some("bytes=31-"), 31, Asked::Outside),
        (Some("bytes=-0"), 31, Asked::Outside),
        (Some("bytes=0-"), 0, Asked::Outside),
        (Some("bytes=16-6"), 31, Asked::All),
        (Some("bytes=+1-2"), 31, Asked::All),
        (Some("lines=1-2"), 31, Asked::All),
        (Some("bytes=x"), 31, Asked::All),
        (Some("bytes=0-18446744073709551615"), 31, Asked::Part(0..31)),
    ] {
        assert_eq!(asked(header, size), wanted, "{header:?}");
    }
}

#[test]
fn gw_8_a_tag_is_met_weak_or_strong_and_a_range_only_by_the_strong_one() {
    let met = |value: &str, etag: &str| cache::matches(&headers(&[("if-none-match", value)]), etag);
    assert!(
        met("\"a\"", "\"a\"")
            && met("W/\"a\"", "\"a\"")
            && met("\"a\"", "W/\"a\"")
            && met("*", "\"a\"")
            && met("\"x\", \"a\"", "\"a\"")
    );
    assert!(!met("\"b\"", "\"a\"") && !met("a", "\"a\"") && !met("", "\"a\""));
    let holds = |value: &str, etag: &str| cache::range_holds(&headers(&[("if-range", value)]), etag);
    assert!(
        holds("\"a\"", "\"a\"")
            && !holds("\"b\"", "\"a\"")
            && !holds("W/\"a\"", "W/\"a\"")
            && cache::range_holds(&HeaderMap::new(), "\"a\"")
    );
    assert!(cache::asks(&headers(&[("cache-control", "max-age=0, Only-If-Cached")]), "only-if-cached"));
}

fn steps(path: &str) -> Vec<String> {
    path::steps(path).unwrap().steps
}

#[test]
fn gw_11_the_first_rule_that_fits_decides() {
    let rules = parse(
        "# a comment\r\n\r\n/one /1.html\n/two /2.html 302\r\n/posts/:year/:slug /articles/:slug-in-:year\n/x/* /:splat 301\n\
         /caf\u{e9} https://example.org/caf\u{e9}?a=1\n/s/* https://example.org/:splat 308\n/gone/* /410.html 410\n/* /index.html 200\n",
    )
    .unwrap();
    let to = |path: &str| match decide(&rules, &steps(path)).unwrap().unwrap() {
        Action::Redirect { to, status } => format!("{status} {to}"),
        Action::Rewrite { to, status } => format!("{status} ={}", to.join("/")),
    };
    for (path, wanted) in [
        ("/one", "301 /1.html"),
        ("/one/", "301 /1.html"),
        ("/two", "302 /2.html"),
        ("/posts/2022/a%2520b", "301 /articles/a%2520b-in-2022"),
        ("/posts/2022", "200 =index.html"),
        ("/x/evil.org/a", "301 /evil.org/a"),
        ("/x//evil.org", "301 /evil.org"),
        ("/x", "301 /"),
        ("/caf%C3%A9", "301 https://example.org/caf%C3%A9?a=1"),
        ("/s/a/b", "308 https://example.org/a/b"),
        ("/gone/x", "410 =410.html"),
        ("/", "200 =index.html"),
    ] {
        assert_eq!(to(path), wanted, "{path}");
    }
    assert_eq!(decide(&parse("/a /b").unwrap(), &steps("/c")), Ok(None));
    // A rule cannot be bent into naming a host.
    let bent = parse("/r/:a/:b /:a/:b\n/q/* /:splat/x").unwrap();
    assert_eq!(decide(&bent, &steps("/q/")), Ok(Some(Action::Redirect { to: "/x".into(), status: 301 })));
}

#[test]
fn gw_11_a_file_that_is_wrong_is_refused_whole_with_its_line() {
    for (file, wanted) in [
        ("/a", "line 1"),
        ("/a /b\n/c /d 301!", "line 2: forced redirects"),
        ("/a /b 200 x", "line 1"),
        ("/a /b abc", "is no status"),
        ("/a /b 206", "the status 206 is not supported"),
        ("a /b", "a rule begins with a path"),
        ("/a b", "is neither a path"),
        ("/a //evil.org", "is neither a path"),
        ("/a javascript:alert(1)", "is neither a path"),
        ("/a https://example.org 200", "is neither a path"),
        ("/a*b /c", "a * stands alone"),
        ("/*/b /c", "a * stands alone"),
        ("/:/b /c", "has no name"),
        ("/%zz /c", "a percent escape is broken"),
        ("/a /b\u{7}", "a control character"),
    ] {
        let error = parse(file).unwrap_err();
        assert!(error.contains(wanted), "{file}: {error}");
    }
    assert!(parse(&"/a /b\n".repeat(super::redirects::RULES_MAX + 1)).unwrap_err().contains("more than 1024 rules"));
    assert!(parse(&format!("{} /b", "/a".repeat(100))).unwrap_err().contains("more than 64 steps"));
}

#[test]
fn gw_9_a_file_is_known_by_its_name_or_by_how_it_begins() {
    assert_eq!(media::by_name("a.b.HTML"), Some("text/html; charset=utf-8"));
    assert_eq!((media::by_name("html"), media::by_name("a.unknown"), media::by_name("")), (None, None, None));
    let cut = "\u{105}".repeat(400);
    for (start, wanted) in [
        (&b"hello\n"[..], "text/plain; charset=utf-8"),
        (b"\n <!DOCTYPE HTML><p>", "text/html; charset=utf-8"),
        (b"<script>x</script>", "text/html; charset=utf-8"),
        (b"<svg xmlns='x'>", "image/svg+xml"),
        (b"<?xml version='1.0'?><svg>", "image/svg+xml"),
        (b"\x89PNG\r\n\x1a\n...", "image/png"),
        (b"RIFF....WEBPVP8 ", "image/webp"),
        (b"....ftypisom", "video/mp4"),
        (b"\0\x01\x02", "application/octet-stream"),
        (b"caf\xe9 au lait", "application/octet-stream"),
        (&cut.as_bytes()[..511], "text/plain; charset=utf-8"),
        (b"", "text/plain; charset=utf-8"),
    ] {
        assert_eq!(media::by_start(start), wanted, "{:?}", String::from_utf8_lossy(start));
    }
}

#[test]
fn gw_11_a_rule_that_names_a_long_value_often_makes_no_longer_target_than_may_be() {
    let path = steps(&format!("/{}", "x".repeat(4000)));
    let often = |times: usize| decide(&parse(&format!("/:a /{}", ":a".repeat(times))).unwrap(), &path);
    assert!(matches!(often(2), Ok(Some(Action::Redirect { to, .. })) if to.len() == 8001));
    for times in [3, 30_000] {
        assert_eq!(often(times), Err("a rule of _redirects makes a target of more than 8192 bytes of this path".into()));
    }
}

fn cbor_text(text: &str) -> Vec<u8> {
    [&[0x60 | text.len() as u8][..], text.as_bytes()].concat()
}

fn cbor_bytes(bytes: &[u8]) -> Vec<u8> {
    [&[0x58, bytes.len() as u8][..], bytes].concat()
}

/// What a record says, as others write it.
fn said(value: &str, until: &str) -> Vec<u8> {
    [
        &[0xa5][..],
        &cbor_text("TTL"),
        &[0x1b],
        &3_600_000_000_000u64.to_be_bytes(),
        &cbor_text("Value"),
        &cbor_bytes(value.as_bytes()),
        &cbor_text("Sequence"),
        &[7],
        &cbor_text("Validity"),
        &cbor_bytes(until.as_bytes()),
        &cbor_text("ValidityType"),
        &[0],
    ]
    .concat()
}

/// A record as others write it.
fn record(key: &SecretKey, value: &str, until: &str) -> Vec<u8> {
    let data = said(value, until);
    let signature = key.sign(&[b"ipns-signature:".as_slice(), &data].concat());
    let field = |tag: u8, bytes: &[u8]| [&[tag, (bytes.len() & 0x7f | 0x80) as u8, (bytes.len() >> 7) as u8][..], bytes].concat();
    [field(0x42, &signature.0), field(0x4a, &data)].concat()
}

#[test]
fn gw_12_a_record_holds_if_its_key_signed_it_and_its_time_has_not_passed() {
    let key = SecretKey::from_seed(&[7; 32]);
    let name = Name(key.public().0);
    let path = "/ipfs/bafkqabtimvwgy3yk";
    let signed = record(&key, path, "2033-05-18T03:33:20.000000000Z");
    let read = verify(&name, &signed, 2_000_000_000).unwrap();
    assert_eq!((read.value.as_str(), read.valid_until, read.sequence, read.ttl), (path, 2_000_000_000, 7, 3600));
    assert_eq!(verify(&name, &signed, 2_000_000_001), Err(RecordError::Expired));
    let other = Name(SecretKey::from_seed(&[8; 32]).public().0);
    assert_eq!(verify(&other, &signed, 0), Err(RecordError::Signature));
    for at in 0..signed.len() {
        let mut changed = signed.clone();
        changed[at] ^= 1;
        assert!(verify(&name, &changed, 0).is_err(), "{at}");
    }
    assert_eq!(verify(&name, &vec![0; RECORD_BYTES_MAX + 1], 0), Err(RecordError::Long));
    assert!(matches!(verify(&name, b"", 0), Err(RecordError::Form(_))));
}

#[test]
fn gw_12_a_name_is_read_in_all_its_forms_and_written_in_base36() {
    let key = SecretKey::from_seed(&[7; 32]);
    let name = Name(key.public().0);
    let label = name.label();
    assert!(label.starts_with('k') && label.len() <= 63, "{label}");
    assert_eq!(Name::read(&label), Some(name));
    let hash = leither_kit::multihash::Multihash::<64>::wrap(0, &[&[0x08, 0x01, 0x12, 0x20][..], &name.0].concat()).unwrap();
    let old = leither_kit::multibase::Base::Base58Btc.encode(hash.to_bytes());
    assert!(old.starts_with("12D3Koo"), "{old}");
    assert_eq!(Name::read(&old), Some(name));
    for no in ["", "example.org", "bafkqabtimvwgy3yk", "QmYiPNLU7Hc739sqcBH5DgVmk5mKTQVzKSqvJJeNGWTgrE", &"1".repeat(500)] {
        assert_eq!(Name::read(no), None, "{no}");
    }
}

#[test]
fn gw_12_times_are_read_to_the_second() {
    for (text, wanted) in [
        ("1970-01-01T00:00:00Z", Some(0)),
        ("2033-05-18T03:33:20.123Z", Some(2_000_000_000)),
        ("2000-02-29T12:00:00Z", Some(951_825_600)),
        ("2026-11-27T04:42:49Z", Some(1_795_754_569)),
        ("1969-12-31T23:59:59Z", None),
        ("2033-05-18T03:33:20+01:00", None),
        ("2033-13-18T03:33:20Z", None),
        ("2033-05-18 03:33:20Z", None),
        ("99999999999999999999-05-18T03:33:20Z", None),
        ("", None),
    ] {
        assert_eq!(seconds(text), wanted, "{text}");
    }
}

proptest! {
    #[test]
    fn gw_3_what_is_encoded_is_decoded_again(step in "\\PC{0,40}") {
        prop_assert_eq!(text::decode(&text::encode(&step)), Some(step.clone()));
        prop_assert!(text::encode(&step).is_ascii());
        let html = text::html(&step);
        prop_assert!(!html.contains(['<', '>', '"', '\'']));
    }

    #[test]
    fn gw_3_no_path_and_no_rule_panics_and_no_step_leads_up(raw in "[ -~]{0,60}", file in "[ -~\n]{0,120}") {
        if let Ok(steps) = path::steps(&raw) {
            prop_assert!(steps.steps.iter().all(|step| !matches!(step.as_str(), "" | "." | "..") && !step.contains('/')));
            if let Ok(rules) = parse(&file)
                && let Ok(Some(Action::Redirect { to, .. })) = decide(&rules, &steps.steps)
            {
                prop_assert!(to.is_ascii() && !to.starts_with("//"));
            }
        }
        let _ = (place(&hosts(), &raw), asked(Some(&raw), 10), wanted(Some(&raw), &HeaderMap::new()).is_ok(), seconds(&raw), media::by_start(raw.as_bytes()));
    }

    #[test]
    fn gw_3_gw_6_gw_7_and_gw_11_whatever_is_asked_means_nothing_beyond_its_bounds(
        path in "(/[a-c.%2F]{0,6}){0,6}",
        question in "(\\?((format=car|dag-scope=entity|entity-bytes=-?[0-9]{1,20}:(\\*|-?[0-9]{1,20}))&?){0,4})?",
        line in "bytes=[0-9]{0,20}-[0-9]{0,20}|application/vnd\\.ipld\\.car(;q=[0-9.]{0,4})?",
        host in "[A-Za-z.:-]{0,20}(\\.ipfs)?(\\.localhost|\\.example\\.com)?(:[0-9]{0,5})?",
        file in "(/[a-c:*/]{0,8} (/[a-c:/]{0,9}|https://x/:a) ?(200|301|404|308)?\n){0,5}",
    ) {
        urls::urls([format!("{path}{question}"), line, host, file].join("\0").as_bytes());
    }

    #[test]
    fn gw_12_what_a_key_signed_is_read_in_its_time_or_refused_by_name(
        value in "[ -~]{0,40}",
        until in "[0-9]{4}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-6][0-9]:[0-6][0-9]Z",
        at in any::<prop::sample::Index>(),
        to in any::<u8>(),
    ) {
        let mut data = said(&value, &until);
        urls::records(&data);
        let place = at.index(data.len());
        data[place] = to;
        urls::records(&data);
        urls::records(value.as_bytes());
        urls::records(until.as_bytes());
    }

    #[test]
    fn gw_12_junk_is_no_record(junk in prop::collection::vec(any::<u8>(), 0..300)) {
        prop_assert!(verify(&Name([3; 32]), &junk, 0).is_err());
    }
}
