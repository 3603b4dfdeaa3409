//! A running local net: what the commands do to it, and what is seen of it.

use super::command::{self, Command};
use super::ground::{Ground, Wanted};
use super::ledger::{Ledger, Verdict};
use super::load::{Load, Order};
use super::member::{self, Member, State};
use super::table::{self, Row};
use super::weather::Plan;
use crate::exit::{Done, Failure};
use crate::wallet::now_ms;
use serde_json::{Value, json};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

/// All nodes have so long to answer for the first time.
const START_MAX: Duration = Duration::from_secs(90);

/// A running local net.
pub struct Net {
    binary: PathBuf,
    ground: Ground,
    members: Vec<Member>,
    plan: Plan,
    ledger: Arc<Ledger>,
    watchers: JoinSet<()>,
    load: Load,
    rate: u32,
    joining: JoinSet<Done<super::ground::Site>>,
}

impl Net {
    /// Founds it, or finds it. `binary` is what its nodes run.
    pub async fn open(wanted: &Wanted, binary: PathBuf) -> Done<Self> {
        let (ground, sites) = Ground::open(wanted).await?;
        let plan = Plan::new(sites.len());
        let load = Load::start(ground.chain)?;
        let mut net = Self {
            binary,
            ground,
            members: Vec::new(),
            plan,
            ledger: Arc::default(),
            watchers: JoinSet::new(),
            load,
            rate: 0,
            joining: JoinSet::new(),
        };
        for site in sites {
            net.add(site);
        }
        Ok(net)
    }

    fn add(&mut self, site: super::ground::Site) {
        self.watchers.spawn(self.ledger.clone().watch(site.number, site.url()));
        self.members.push(Member::new(site, self.binary.clone()));
    }

    /// Starts all nodes and waits until each has answered.
    pub async fn start(&mut self) -> Done {
        for member in &mut self.members {
            member.start()?;
        }
        let until = Instant::now() + START_MAX;
        loop {
            self.look();
            let mut waiting = None;
            for member in &self.members {
                if let State::Died(said) = &member.state {
                    return Err(Failure::fault(format!("node {} ended at once: {said}", member.site.number)));
                }
                if !self.ledger.seen(member.site.number).answers {
                    waiting = Some(member.site.number);
                }
            }
            match waiting {
                None => return Ok(()),
                Some(node) if Instant::now() > until => {
                    return Err(Failure::fault(format!("node {node} does not answer after {} s", START_MAX.as_secs())));
                }
                Some(_) => sleep(Duration::from_millis(100)).await,
            }
        }
    }

    /// Looks who still runs, and tells the load whom it may use.
    pub fn look(&mut self) {
        self.members.iter_mut().for_each(Member::look);
        let takes = |member: &&Member| member.state == State::Up && self.ledger.seen(member.site.number).answers;
        let nodes = self.members.iter().filter(takes).map(|member| member.site.url()).collect();
        self.load.order(Order { rate: self.rate, nodes });
    }

    /// From now on so many transfers a second.
    pub fn send(&mut self, rate: u32) {
        self.rate = rate;
        self.look();
    }

    fn member(&mut self, number: usize) -> Done<&mut Member> {
        let count = self.members.len();
        let found = self.members.iter_mut().find(|member| member.site.number == number);
        found.ok_or_else(|| Failure::usage(format!("there is no node {number}: they are 1 to {count}")))
    }

    fn exist(&mut self, numbers: impl IntoIterator<Item = usize>) -> Done {
        numbers.into_iter().try_for_each(|number| self.member(number).map(drop))
    }

    /// Does what a command says, and tells that it did.
    pub async fn obey(&mut self, command: Command) -> Done<String> {
        let told = match command {
            Command::Stop(n) => self.member(n)?.stop().await.map(|()| format!("node {n} is ending")),
            Command::Kill(n) => self.member(n)?.kill().await.map(|()| format!("node {n} was killed")),
            Command::Pause(n) => self.member(n)?.pause().await.map(|()| format!("node {n} is frozen")),
            Command::Resume(n) => self.member(n)?.resume().await.map(|()| format!("node {n} goes on")),
            Command::Start(n) => {
                let member = self.member(n)?;
                member.look();
                member.start()?;
                self.ledger.started(n);
                Ok(format!("node {n} starts"))
            }
            Command::Cut(groups) => {
                self.exist(groups.iter().flatten().copied())?;
                self.plan.cut(groups);
                Ok(self.weather())
            }
            Command::Heal => {
                self.plan.heal();
                Ok(self.weather())
            }
            Command::Delay(delay, of) => {
                self.exist(of)?;
                self.plan.delay(delay, of);
                Ok(self.weather())
            }
            Command::Loss(loss, of) => {
                self.exist(of)?;
                self.plan.loss(loss, of);
                Ok(self.weather())
            }
            Command::Join => self.join().await,
            Command::Send(rate) => {
                self.send(rate);
                Ok(format!("{rate} transfers a second"))
            }
            Command::Table => Ok(self.text()),
            Command::Help => Ok(command::help()),
            Command::Quit => Ok("ending".into()),
        };
        self.look();
        told
    }

    /// Brings the plan to the links.
    fn weather(&self) -> String {
        self.ground.relays.set(&self.plan);
        format!("links: {}", self.plan.shown())
    }

    async fn join(&mut self) -> Done<String> {
        if !self.joining.is_empty() {
            return Err(Failure::usage("a node is joining already: wait until it runs"));
        }
        let answering = |member: &&Member| member.state == State::Up && self.ledger.seen(member.site.number).answers;
        let host = self.members.iter().find(answering).map(|member| member.site.number);
        let host = host.ok_or_else(|| Failure::usage("no node runs that could be joined: `start` one first"))?;
        let sites: Vec<_> = self.members.iter().map(|member| member.site.clone()).collect();
        let (site, words) = self.ground.invite(&sites, host).await?;
        let told = format!("node {} fetches the chain from node {host}", site.number);
        // Its links exist now, and have the weather of the others.
        self.plan.grow();
        self.weather();
        self.joining.spawn(member::join(self.binary.clone(), site, words));
        Ok(told)
    }

    /// Waits until the home of a node that joins is made, or is not.
    pub async fn joined(&mut self) -> Option<Done<super::ground::Site>> {
        let joined = self.joining.join_next().await?;
        Some(joined.unwrap_or_else(|e| Err(Failure::fault(e))))
    }

    /// Starts the node whose home was made.
    pub fn admit(&mut self, site: &super::ground::Site) -> Done<String> {
        let site = self.ground.admit(site)?;
        let (number, url) = (site.number, site.url());
        self.add(site);
        self.member(number)?.start()?;
        Ok(format!("node {number} has joined and follows; it answers at {url}"))
    }

    /// The nodes as they are.
    pub fn rows(&self) -> Vec<Row> {
        let now = now_ms().unwrap_or_default();
        self.members.iter().map(|member| Row::of(member, &self.ledger.seen(member.site.number), now)).collect()
    }

    /// The table with its head.
    pub fn text(&self) -> String {
        let (accepted, refused) = self.load.counts();
        let kept = if self.ground.is_temporary() { "thrown away at the end" } else { "kept" };
        let (founders, pulse) = (self.ground.founders(), self.ground.pulse_ms());
        let mut text = format!(
            "{founders} validators, pulse {pulse} ms, chain {}\n{} ({kept})\nlinks: {}\nload: {}/s offered, {accepted} accepted, {refused} not\n",
            self.ground.chain,
            self.ground.dir.display(),
            self.plan.shown(),
            self.rate
        );
        text += &table::text(&self.rows());
        if let Some(quarrel) = self.ledger.quarrel() {
            text += &format!("THE BOOKS DO NOT AGREE: {quarrel}\n");
        }
        text.trim_end().into()
    }

    /// Ends the load and compares the books of all nodes that run.
    pub async fn verdict(&mut self) -> Done<Verdict> {
        self.send(0);
        self.watchers.abort_all();
        let running = self.members.iter().filter(|member| member.state == State::Up);
        let running: Vec<_> = running.map(|member| (member.site.number, member.site.url())).collect();
        self.ledger.verdict(&running).await
    }

    /// DESIGN, section 5: the last line.
    pub fn answer(&self, verdict: &Verdict) -> Value {
        let (accepted, refused) = self.load.counts();
        let node = |row: &Row| {
            json!({
                "node": row.node,
                "state": row.state,
                "height": row.height,
                "round": row.round,
                "peers": row.peers,
                "rss_bytes": row.rss_bytes,
                "disk_bytes": row.disk_bytes,
                "rpc": row.rpc,
                "note": row.note,
            })
        };
        json!({
            "height": verdict.height,
            "agree": verdict.agree,
            "why": verdict.why,
            "chain": self.ground.chain.to_string(),
            "accepted": accepted,
            "refused": refused,
            "nodes": self.rows().iter().map(node).collect::<Vec<_>>(),
        })
    }

    /// Ends all nodes.
    pub async fn end(&mut self) {
        self.joining.shutdown().await;
        member::stop_all(&mut self.members).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn net(dir: &std::path::Path) -> Net {
        let wanted = Wanted { dir: Some(dir.join("net")), nodes: Some(3), ..Wanted::default() };
        Net::open(&wanted, "/nonexistent/leither".into()).await.unwrap()
    }

    // LOCALNET-1
    #[tokio::test]
    async fn a_command_for_a_node_that_is_not_there_changes_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let mut net = net(dir.path()).await;
        let before = net.plan.shown();
        for line in ["kill 4", "start 9", "cut 1,2|4", "delay 50 4", "loss 1 5", "pause 4", "stop 4", "resume 4"] {
            let said = net.obey(command::parse(line).unwrap()).await.unwrap_err().sentence;
            assert!(said.contains("there is no node") && said.contains("1 to 3"), "{line}: {said}");
        }
        for line in ["kill 1", "pause 1", "resume 1", "stop 1", "join"] {
            let said = net.obey(command::parse(line).unwrap()).await.unwrap_err().sentence;
            assert!(said.contains("start"), "{line} of what does not run: {said}");
        }
        assert_eq!(net.plan.shown(), before);
        assert!(net.obey(Command::Start(1)).await.unwrap_err().sentence.contains("cannot start node 1"));
        let told = net.obey(command::parse("cut 1|2,3").unwrap()).await.unwrap();
        assert!(told.ends_with("cut 1|2,3"), "{told}");
        assert!(net.text().contains("cut 1|2,3"));
        assert_eq!(net.obey(Command::Heal).await.unwrap(), "links: delay 0 ms, loss 0 %");
    }

    // LOCALNET-10
    #[tokio::test]
    async fn the_last_line_names_every_node_with_its_state() {
        let dir = tempfile::tempdir().unwrap();
        let mut net = net(dir.path()).await;
        let verdict = net.verdict().await.unwrap();
        let answer = net.answer(&verdict);
        assert_eq!((&answer["height"], &answer["agree"]), (&json!(0), &json!(true)));
        let nodes = answer["nodes"].as_array().unwrap();
        assert_eq!(nodes.len(), 3);
        assert!(nodes.iter().all(|node| node["state"] == "stopped" && node["rss_bytes"] == 0 && node["height"].is_null()));
        assert_eq!(nodes[2]["node"], 3);
    }
}
