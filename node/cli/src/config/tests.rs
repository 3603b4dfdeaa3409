use super::*;

fn load(file: &str, variables: &[(&str, &str)], flags: &[(&str, &str)]) -> Result<Config, ConfigError> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("node.toml");
    std::fs::write(&path, file).unwrap();
    let owned = |pairs: &[(&str, &str)]| pairs.iter().map(|(k, v)| (k.to_string(), v.to_string())).collect::<Vec<_>>();
    Config::load(&path, &mut owned(variables).into_iter(), &owned(flags))
}

fn error(file: &str, variables: &[(&str, &str)], flags: &[(&str, &str)]) -> String {
    load(file, variables, flags).unwrap_err().to_string()
}

const PEER: &str = "/ip4/10.0.0.1/tcp/4801/p2p/12D3KooWDpJ7As7BWAwRMfu1VU2WCqNjvq387JEYKDBj4kx6nXTN";

// HOME-6
#[test]
fn the_generated_file_parses_to_the_defaults_and_mentions_every_key() {
    let text = Config::default().file_text();
    assert_eq!(load(&text, &[], &[]).unwrap(), Config::default());
    for row in TABLE {
        let name = row.key.rsplit('.').next().unwrap();
        assert!(text.contains(&format!("\n{name} = ")), "{} is not set", row.key);
        assert!(text.contains(&format!("# {}\n# Unit: {}. Default: ", row.about, row.unit)), "{} is not explained", row.key);
        assert!(text.contains(&row.variable()), "{} names no variable", row.key);
    }
    // Only what the table says is set.
    let set = text.lines().filter(|line| !line.starts_with('#') && line.contains(" = ")).count();
    assert_eq!(set, TABLE.len());
}

// HOME-6
#[test]
fn a_file_of_other_settings_reads_back() {
    let mut config = Config { moniker: "mühle \"7\"".into(), disk_cap: 3 << 20, ..Config::default() };
    config.disk_cap += GIB;
    config.p2p.peers = vec![PEER.parse().unwrap()];
    config.swarm = Swarm {
        listen: Some("[::1]:9".parse().unwrap()),
        peers: vec![PEER.parse().unwrap()],
        external: vec!["/ip4/203.0.113.7/tcp/4806".parse().unwrap()],
        dht: DhtMode::Client,
        ipfs: true,
        relays: vec![PEER.parse().unwrap()],
        relay: false,
        connections: 9,
    };
    config.consensus.persistent_peers = vec![PEER.parse().unwrap()];
    config.rpc.allowed_origins = vec!["https://wallet.example".into()];
    config.rpc.max_connections = 7;
    config.log = Log { level: "warn,leither_net=trace".into(), format: LogFormat::Json };
    assert_eq!(load(&config.file_text(), &[], &[]).unwrap(), config);
}

// HOME-2
#[test]
fn no_file_means_the_defaults() {
    let config = Config::load(Path::new("/nowhere/node.toml"), &mut std::iter::empty(), &[]).unwrap();
    assert_eq!(config, Config::default());
}

// HOME-2
#[test]
fn flags_go_before_variables_before_the_file_before_the_default() {
    let file = "moniker = \"file\"\n[rpc]\nmax_connections = 1\nlisten = \"127.0.0.1:1\"\n";
    let variables = [("LEITHER_RPC_MAX_CONNECTIONS", "2"), ("LEITHER_RPC_LISTEN", "127.0.0.1:2"), ("OTHER", "x")];
    let config = load(file, &variables, &[("rpc.listen", "127.0.0.1:3")]).unwrap();
    assert_eq!(config.moniker, "file");
    assert_eq!(config.rpc.max_connections, 2);
    assert_eq!(config.rpc.listen.port(), 3);
    assert_eq!(config.p2p.listen.port(), 4801);
}

// HOME-2, HOME-4
#[test]
fn a_variable_that_is_no_text_is_refused_if_it_is_ours() {
    use std::os::unix::ffi::OsStringExt;
    let odd = || OsString::from_vec(vec![b'm', 0xff]);
    let read = |pairs: Vec<(OsString, OsString)>| variables(pairs.into_iter());
    let fine = vec![
        ("LC_ALL".into(), odd()),
        (odd(), "x".into()),
        ("LEITHER_HOME".into(), odd()),
        ("LEITHER_MONIKER".into(), "mill".into()),
    ];
    assert_eq!(read(fine).unwrap(), [("LEITHER_MONIKER".to_string(), "mill".to_string())]);
    let said = read(vec![("LEITHER_MONIKER".into(), odd())]).unwrap_err().to_string();
    assert!(said.contains("LEITHER_MONIKER is not UTF-8"), "{said}");
    let mut name = OsString::from("LEITHER_");
    name.push(odd());
    assert!(read(vec![(name, "x".into())]).is_err());
}

// HOME-2
#[test]
fn lists_in_variables_are_separated_by_commas() {
    let peers = format!("{PEER}, {PEER}");
    let config = load("", &[("LEITHER_P2P_PEERS", &peers), ("LEITHER_RPC_ALLOWED_HOSTS", "Node.example")], &[]).unwrap();
    assert_eq!(config.p2p.peers.len(), 2);
    assert_eq!(config.rpc.allowed_hosts, ["node.example"]);
    assert!(load("", &[("LEITHER_P2P_PEERS", "")], &[]).unwrap().p2p.peers.is_empty());
}

// HOME-2
#[test]
fn truths_are_read_from_variables_and_flags() {
    let config = load("", &[("LEITHER_SWARM_IPFS", "true")], &[("swarm.relay", "false")]).unwrap();
    assert_eq!((config.swarm.ipfs, config.swarm.relay), (true, false));
    assert!(error("", &[], &[("swarm.relay", "yes")]).contains("must be true or false"));
}

// HOME-3
#[test]
fn an_unknown_key_is_named_with_the_nearest_one() {
    assert!(error("[rpc]\nlisten_on = \"127.0.0.1:1\"", &[], &[]).contains("no key `rpc.listen_on`; did you mean `rpc.listen`?"));
    assert!(error("monicker = \"x\"", &[], &[]).contains("did you mean `moniker`?"));
    assert!(error("[rcp]\n", &[], &[]).contains("no key `rcp`"));
    assert!(error("[rcp]\nlisten = \"127.0.0.1:1\"", &[], &[]).contains("did you mean `rpc.listen`?"));
    assert!(error("", &[("LEITHER_RPC_LISTN", "x")], &[]).contains("did you mean `LEITHER_RPC_LISTEN`?"));
    assert!(error("", &[], &[("disk.size", "1GiB")]).contains("did you mean `disk.cap`?"));
    assert!(load("", &[("LEITHER_HOME", "/x"), ("LEITHER_PASSWORD", "x")], &[]).is_ok());
}

// HOME-4, HOME-7
#[test]
fn a_value_that_does_not_fit_is_refused_with_its_key_and_place() {
    let cases = [
        ("moniker = 5", "`moniker` must be a text, not a number"),
        ("moniker = \"\"", "`moniker` must be 1 to 64 printable characters"),
        ("moniker.x = 5", "`moniker` must be a text, not a section"),
        ("[rpc]\nlisten = \"localhost:4802\"", "`rpc.listen` is `localhost:4802`, expected an address and a port"),
        ("[rpc]\nlisten = \"127.0.0.1:99999\"", "`rpc.listen` is"),
        ("[rpc]\nmax_connections = 0", "`rpc.max_connections` is 0, expected 1 to 65535"),
        ("[rpc]\nmax_connections = \"8\"", "must be a whole number, not a text"),
        ("[rpc]\nallowed_hosts = [\"localhost:80\"]", "which is no host name"),
        ("[rpc]\nallowed_hosts = [\"*\"]", "which is no host name"),
        ("[rpc]\nallowed_origins = [\"https://a.example/path\"]", "which is no origin"),
        ("[p2p]\npeers = [\"10.0.0.1:4801\"]", "which is no multiaddress"),
        ("[p2p]\npeers = [\"/ip4/10.0.0.1/tcp/4801\"]", "does not end in /p2p/"),
        ("[swarm]\npeers = [\"/ip4/10.0.0.1/tcp/4801\"]", "does not end in /p2p/"),
        ("[swarm]\nrelays = [\"/ip4/10.0.0.1/tcp/4801\"]", "does not end in /p2p/"),
        ("[swarm]\nexternal = [\"10.0.0.1:4806\"]", "which is no multiaddress"),
        ("[swarm]\ndht = \"both\"", "expected auto, server or client"),
        ("[swarm]\nipfs = \"yes\"", "must be true or false, not a text"),
        ("[swarm]\nconnections = 7", "is 7, expected 8 to 4096"),
        ("[log]\nlevel = \"loud\"", "has `loud`"),
        ("[log]\nformat = \"xml\"", "expected text or json"),
        ("[disk]\ncap = \"much\"", "is no size"),
        ("[disk]\ncap = -1", "is no size"),
        ("[disk]\ncap = true", "must be a text"),
    ];
    for (file, wanted) in cases {
        let said = error(file, &[], &[]);
        assert!(said.contains(wanted) && said.contains("node.toml"), "{file}: {said}");
    }
    assert!(error("", &[("LEITHER_LOG_FORMAT", "xml")], &[]).starts_with("variable LEITHER_LOG_FORMAT: `log.format`"));
    let syntax = error("\nmoniker = ", &[], &[]);
    assert!(syntax.contains("is not valid TOML: line 2: ") && syntax.lines().count() == 1, "{syntax}");
    let many = format!("[p2p]\npeers = [{}]", "\"x\",".repeat(257));
    assert!(error(&many, &[], &[]).contains("257 items, at most 256"));
}

#[test]
fn home_11_the_content_swarm_listens_where_the_data_swarm_does_unless_it_is_told() {
    let listen = |file: &str| load(file, &[], &[]).unwrap().swarm_listen().to_string();
    assert_eq!(listen(""), "127.0.0.1:4806");
    assert_eq!(listen("[p2p]\nlisten = \"0.0.0.0:4801\""), "0.0.0.0:4806");
    assert_eq!(listen("[p2p]\nlisten = \"[::]:9\"\n[swarm]\nlisten = \"auto\""), "[::]:4806");
    assert_eq!(listen("[p2p]\nlisten = \"0.0.0.0:4801\"\n[swarm]\nlisten = \"127.0.0.1:7\""), "127.0.0.1:7");
    // What `init` writes at first, and again with what is set later, says no more than its owner did.
    let opened = load(&Config::default().file_text(), &[], &[("p2p.listen", "0.0.0.0:4801")]).unwrap();
    assert_eq!(load(&opened.file_text(), &[], &[]).unwrap().swarm_listen().to_string(), "0.0.0.0:4806");
    assert!(error("[swarm]\nlisten = \"here\"", &[], &[]).contains("`swarm.listen` is `here`"));
    let both = error("[p2p]\nlisten = \"0.0.0.0:4806\"", &[], &[]);
    assert!(both.contains("`p2p.listen` and `swarm.listen` both listen on port 4806"), "{both}");
}

// HOME-5
#[test]
fn two_listeners_on_one_port_are_refused_before_anything_starts() {
    let said = error("[rpc]\nlisten = \"127.0.0.1:4801\"", &[], &[]);
    assert!(said.contains("`rpc.listen` and `p2p.listen` both listen on port 4801"), "{said}");
    assert!(error("[p2p]\nlisten = \"0.0.0.0:4804\"", &[], &[]).contains("port 4804"));
    assert!(
        error("[gateway]\nlisten = \"127.0.0.1:4806\"", &[], &[]).contains("`swarm.listen` and `gateway.listen` both listen")
    );
    assert!(load("[p2p]\nlisten = \"127.0.0.2:4804\"", &[], &[]).is_ok());
    assert!(load("[p2p]\nlisten = \"127.0.0.1:0\"\n[consensus]\nlisten = \"127.0.0.1:0\"", &[], &[]).is_ok());
}

// HOME-5
#[test]
fn relations_between_values_are_checked() {
    assert!(error("[disk]\ncap = \"1MiB\"", &[], &[]).contains("`disk.cap` is 1MiB: choose between 1GiB"));
    assert!(error("[disk]\ncap = \"9999999TiB\"", &[], &[]).contains("`disk.cap`"));
    assert!(error("[rpc]\nallowed_hosts = []", &[], &[]).contains("no request could pass"));
    assert!(error("[rpc]\nlisten = \"0.0.0.0:4802\"", &[], &[]).contains("names only this one"));
    assert!(load("[rpc]\nlisten = \"0.0.0.0:4802\"\nallowed_hosts = [\"node.example\"]", &[], &[]).is_ok());
}

#[test]
fn sizes_read_as_they_are_written() {
    assert_eq!(parse_size("50GiB"), Some(50 * GIB));
    assert_eq!(parse_size("2 TB"), Some(2_000_000_000_000));
    assert_eq!(parse_size("1048576"), Some(1 << 20));
    for text in ["", "GiB", "1.5GiB", "-1", "1XB", "99999999999TiB"] {
        assert_eq!(parse_size(text), None, "{text}");
    }
    for bytes in [0, 1, 1023, 1024, 3 << 20, GIB, GIB + 1, 1 << 60] {
        assert_eq!(parse_size(&show_size(bytes)), Some(bytes));
    }
}

/// Every `section.key` that a text seems to name.
fn keys_in(text: &str) -> Vec<&str> {
    let part = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '_' | '.');
    let is_key = |word: &&str| {
        let parts: Vec<&str> = word.split('.').collect();
        // A method, and names of files.
        let other = *word == "rpc.discover" || matches!(parts[..], [_, "toml" | "json" | "md" | "js" | "rs"]);
        parts.len() == 2 && parts.iter().all(|part| part.starts_with(|c: char| c.is_ascii_lowercase())) && !other
    };
    text.split(|c: char| !part(c)).map(|word| word.trim_matches('.')).filter(is_key).collect()
}

fn is_known(key: &str) -> bool {
    TABLE.iter().any(|row| row.key == key)
}

#[test]
fn errors_of_other_parts_name_settings_that_there_are() {
    let address = || PEER.parse::<Multiaddr>().unwrap();
    let text = || "EVIL".to_string();
    let texts = [
        leither_net::StartError::Listen { address: address(), why: text() }.to_string(),
        leither_net::StartError::Peer { address: address(), why: "no" }.to_string(),
        leither_rpc_server::ConfigError::Host(text()).to_string(),
        leither_rpc_server::ConfigError::Origin(text()).to_string(),
        leither_rpc_server::StartError::Bind { listen: Config::default().rpc.listen, cause: std::io::Error::other("taken") }
            .to_string(),
    ];
    for text in texts {
        let keys = keys_in(&text);
        assert!(!keys.is_empty() && keys.iter().all(|key| is_known(key)), "{text}: {keys:?}");
    }
    let zero = leither_rpc_server::ConfigError::Zero("batch_max").to_string();
    assert!(keys_in(&zero).is_empty(), "{zero}: not every limit is a setting");
}

#[test]
fn what_is_written_elsewhere_names_settings_that_there_are() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let read = |file: &str| std::fs::read_to_string(root.join(file)).unwrap();
    for file in ["rpc/server/src/guard.rs", "rpc/js/src/rpc.js", "spec/rpc.md", "spec/js.md", "spec/home.md"] {
        let whole = read(file);
        let text = whole.split("#[cfg(test)]").next().unwrap();
        let of_section = |key: &&str| TABLE.iter().any(|row| key.split('.').next() == Some(row.section()));
        let keys: Vec<&str> = keys_in(text).into_iter().filter(of_section).collect();
        assert!(!keys.is_empty(), "{file} names no setting any more");
        for key in keys {
            assert!(is_known(key), "{file}: there is no `{key}`");
        }
    }
    let page = read("spec/home.md");
    for row in TABLE {
        assert!(page.contains(&format!("\n| `{}` |", row.key)), "{} is missing in spec/home.md", row.key);
    }
}
