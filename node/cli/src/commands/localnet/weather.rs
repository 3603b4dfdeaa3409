//! What the links between the nodes do, as the commands have it.

use std::collections::BTreeMap;
use std::time::Duration;

/// What a link does to what passes, in both directions alike.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Weather {
    /// How long bytes are on their way.
    pub delay: Duration,
    /// How many of ten thousand segments are lost once.
    pub loss: u32,
    /// Whether nothing passes.
    pub cut: bool,
}

/// A link has no direction.
pub fn pair(a: usize, b: usize) -> (usize, usize) {
    (a.min(b), a.max(b))
}

/// The weather on every link.
#[derive(Clone, Debug)]
pub struct Plan {
    nodes: usize,
    /// On links that were not named.
    elsewhere: Weather,
    links: BTreeMap<(usize, usize), Weather>,
    groups: Vec<Vec<usize>>,
}

impl Plan {
    /// Fine weather among nodes 1 to `nodes`.
    pub fn new(nodes: usize) -> Self {
        Self { nodes, elsewhere: Weather::default(), links: BTreeMap::new(), groups: Vec::new() }
    }

    /// One more node has links.
    pub fn grow(&mut self) {
        self.nodes = self.nodes.saturating_add(1);
    }

    /// LOCALNET-6: the one-way delay of all links, or of those of one node.
    pub fn delay(&mut self, delay: Duration, of: Option<usize>) {
        self.change(of, |weather| weather.delay = delay);
    }

    /// LOCALNET-7: the loss on all links, or on those of one node, in hundredths of a percent.
    pub fn loss(&mut self, loss: u32, of: Option<usize>) {
        self.change(of, |weather| weather.loss = loss);
    }

    fn change(&mut self, of: Option<usize>, change: impl Fn(&mut Weather)) {
        match of {
            None => {
                change(&mut self.elsewhere);
                self.links.values_mut().for_each(change);
            }
            Some(node) => {
                for other in (1..=self.nodes).filter(|other| *other != node) {
                    change(self.links.entry(pair(node, other)).or_insert(self.elsewhere));
                }
            }
        }
    }

    /// LOCALNET-8: the groups that cannot talk to one another. Those whom no group names are a group, too.
    pub fn cut(&mut self, groups: Vec<Vec<usize>>) {
        self.groups = groups;
    }

    /// Everybody reaches everybody again.
    pub fn heal(&mut self) {
        self.groups.clear();
    }

    /// The weather between two nodes.
    pub fn between(&self, a: usize, b: usize) -> Weather {
        let group = |node: usize| self.groups.iter().position(|group| group.contains(&node));
        let weather = self.links.get(&pair(a, b)).copied().unwrap_or(self.elsewhere);
        Weather { cut: group(a) != group(b), ..weather }
    }

    /// In one line.
    pub fn shown(&self) -> String {
        let Weather { delay, loss, .. } = self.elsewhere;
        let mut text = format!("delay {} ms, loss {} %", delay.as_millis(), percent(loss));
        let other = self.links.iter().filter(|(_, w)| (w.delay, w.loss) != (delay, loss));
        let other: Vec<String> = other
            .take(8)
            .map(|((a, b), w)| format!("{a}-{b}: {} ms, {} %", w.delay.as_millis(), percent(w.loss)))
            .collect();
        if !other.is_empty() {
            text += &format!(" ({})", other.join("; "));
        }
        if !self.groups.is_empty() {
            let groups: Vec<String> = self.groups.iter().map(|group| numbers(group)).collect();
            text += &format!(", cut {}", groups.join("|"));
        }
        text
    }
}

fn numbers(group: &[usize]) -> String {
    group.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
}

/// Hundredths of a percent as people write them.
fn percent(hundredths: u32) -> String {
    match hundredths % 100 {
        0 => (hundredths / 100).to_string(),
        rest => format!("{}.{rest:02}", hundredths / 100),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    // LOCALNET-6, LOCALNET-7
    #[test]
    fn the_last_word_on_a_link_counts_and_a_node_that_joins_has_the_common_weather() {
        let mut plan = Plan::new(3);
        plan.delay(ms(50), None);
        plan.delay(ms(200), Some(2));
        plan.loss(250, Some(3));
        let seen = |plan: &Plan, a, b| (plan.between(a, b).delay, plan.between(b, a).loss);
        assert_eq!(seen(&plan, 1, 2), (ms(200), 0));
        assert_eq!(seen(&plan, 3, 2), (ms(200), 250));
        assert_eq!(seen(&plan, 1, 3), (ms(50), 250));
        plan.grow();
        assert_eq!(seen(&plan, 2, 4), (ms(50), 0));
        plan.delay(ms(0), None);
        assert_eq!(seen(&plan, 3, 2), (ms(0), 250));
        plan.loss(0, None);
        assert_eq!(seen(&plan, 3, 2), (ms(0), 0));
    }

    // LOCALNET-8
    #[test]
    fn a_cut_parts_its_groups_from_one_another_and_from_all_that_are_not_named() {
        let mut plan = Plan::new(5);
        plan.cut(vec![vec![1, 2], vec![3, 4]]);
        let cut = |a, b| plan.between(a, b).cut;
        assert!(!cut(1, 2) && !cut(3, 4));
        assert!(cut(1, 3) && cut(4, 2) && cut(1, 5) && cut(5, 4));
        let mut one = Plan::new(4);
        one.cut(vec![vec![3]]);
        assert!(one.between(3, 1).cut && !one.between(1, 4).cut);
        one.heal();
        assert_eq!(one.between(3, 1), Weather::default());
    }

    #[test]
    fn the_weather_is_told_in_one_line() {
        let mut plan = Plan::new(3);
        plan.delay(ms(75), None);
        plan.loss(205, Some(2));
        plan.cut(vec![vec![1, 2], vec![3]]);
        assert_eq!(plan.shown(), "delay 75 ms, loss 0 % (1-2: 75 ms, 2.05 %; 2-3: 75 ms, 2.05 %), cut 1,2|3");
    }
}
