//! The agents: they register their connector, connect, say that they are there, leave, and register it again.
//!
//! Nothing runs in the background: what an agent does by itself as time passes is caught up with at the next request.

use jiff::{SignedDuration, Timestamp};
use serde_json::Map;
use tokio::time::{Duration, Instant};

use super::state::{Agent, CONNECTED, Connector, DISCONNECTED, Organisation, Session};
use super::switches::{HEARTBEAT_SECONDS, NameAgain, RegistersAgain, Uninstall};
use crate::emulator::identifiers::Identifiers;
use crate::emulator::switches::Answered;

/// What agents act by, at one moment.
pub(super) struct Moment<'a> {
    pub(super) switches: &'a Answered,
    pub(super) identifiers: &'a Identifiers,
    /// By the vendor's clock.
    pub(super) clock: Timestamp,
    pub(super) now: Instant,
}

/// On which occasion an agent speaks to the vendor.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Occasion {
    Connect,
    Heartbeat,
}

impl Organisation {
    /// Installs this agent, in the place of the one of its id, and starts it where `starts` says so.
    pub(super) fn install(&mut self, agent: Agent, starts: bool, moment: &Moment<'_>) {
        let id = agent.id.clone();
        self.disconnect(&id, moment);
        self.agents.insert(id.clone(), agent);
        self.register(&id, Occasion::Connect, moment);
        if starts {
            self.connect(&id, moment);
        }
    }

    /// The agent connects (anew). False: there is no agent of this id.
    pub(super) fn connect(&mut self, id: &str, moment: &Moment<'_>) -> bool {
        self.disconnect(id, moment);
        self.speak(id, Occasion::Connect, moment)
    }

    /// The agent says that it is there, if it is connected. False: there is no agent of this id.
    pub(super) fn heartbeat(&mut self, id: &str, moment: &Moment<'_>) -> bool {
        match self.agents.get(id) {
            None => false,
            Some(Agent { session: None, .. }) => true,
            Some(_) => self.speak(id, Occasion::Heartbeat, moment),
        }
    }

    /// The agent is gone, or its network is. False: there is no agent of this id.
    pub(super) fn disconnect(&mut self, id: &str, moment: &Moment<'_>) -> bool {
        let Some(agent) = self.agents.get_mut(id) else { return false };
        let Some(session) = agent.session.take() else { return true };
        if let Some(connector) = self.connectors.find(&agent.connector_id)
            && connector.sessions.iter().any(|present| present.id == session)
        {
            let mut next = Connector::clone(connector);
            next.sessions.retain(|present| present.id != session);
            if next.sessions.is_empty() {
                DISCONNECTED.clone_into(&mut next.status);
            }
            self.connectors.put(next, moment.now);
        }
        true
    }

    /// The agent is uninstalled. False: there is no agent of this id.
    pub(super) fn uninstall(&mut self, id: &str, moment: &Moment<'_>) -> bool {
        self.disconnect(id, moment);
        let Some(agent) = self.agents.remove(id) else { return false };
        let last = !self.agents.values().any(|other| other.connector_id == agent.connector_id);
        if last && moment.switches.choice::<Uninstall>() == Uninstall::Gone {
            self.connectors.remove(&agent.connector_id, moment.now);
        }
        true
    }

    /// Removes a connector. Its agents do not hear of it.
    pub(super) fn remove(
        &mut self,
        connector: &str,
        switches: &Answered,
        now: Instant,
    ) -> Option<std::sync::Arc<Connector>> {
        let removed = self.connectors.remove(connector, now)?;
        if switches.choice::<NameAgain>() == NameAgain::Kept {
            let its_agents = self.agents.values_mut().filter(|agent| agent.connector_id == connector);
            its_agents.for_each(|agent| agent.name.clone_from(&removed.name));
        }
        Some(removed)
    }

    /// Every connected agent has sent the heartbeats that are due.
    pub(super) fn catch_up(&mut self, moment: &Moment<'_>) {
        let period = Duration::from_secs(moment.switches.whole_number(&HEARTBEAT_SECONDS).into());
        if period.is_zero() {
            return;
        }
        let due = self.agents.values().filter_map(|agent| {
            let silent = moment.now.duration_since(agent.last_heartbeat);
            let is_due = agent.session.is_some() && silent >= period;
            is_due.then(|| (agent.id.clone(), remainder(silent, period)))
        });
        for (id, ago) in due.collect::<Vec<_>>() {
            let clock = SignedDuration::try_from(ago).ok().and_then(|ago| moment.clock.checked_sub(ago).ok());
            let now = moment.now.checked_sub(ago).unwrap_or(moment.now);
            self.heartbeat(&id, &Moment { clock: clock.unwrap_or(moment.clock), now, ..*moment });
        }
    }

    /// The agent registers its connector where there is none, and shows that it is there.
    fn speak(&mut self, id: &str, occasion: Occasion, moment: &Moment<'_>) -> bool {
        if !self.agents.contains_key(id) {
            return false;
        }
        self.register(id, occasion, moment);
        let Some(agent) = self.agents.get_mut(id) else { return false };
        agent.last_heartbeat = moment.now;
        let session = agent.session.get_or_insert_with(|| moment.identifiers.uuid()).clone();
        let agent = agent.clone();
        let present = self.connectors.find(&agent.connector_id).map(|connector| {
            connector.status == CONNECTED && connector.sessions.iter().any(|present| present.id == session)
        });
        match present {
            // Deleted, and not registered again.
            None => {}
            // Nothing but dates moves: no write.
            Some(true) => {
                let beat = |connector: &mut Connector| {
                    connector.last_connected = Some(moment.clock);
                    let mut sessions = connector.sessions.iter_mut();
                    if let Some(own) = sessions.find(|present| present.id == session) {
                        own.last_connected_time = moment.clock;
                    }
                };
                self.connectors.touch(&agent.connector_id, beat, moment.now);
            }
            Some(false) => self.show(&agent, session, moment),
        }
        true
    }

    /// The connector shows the agent's session, its version and where it runs.
    fn show(&mut self, agent: &Agent, session: String, moment: &Moment<'_>) {
        let Some(connector) = self.connectors.find(&agent.connector_id) else { return };
        let mut next = Connector::clone(connector);
        CONNECTED.clone_into(&mut next.status);
        next.last_connected = Some(moment.clock);
        next.version.clone_from(&agent.version);
        next.is_latest_version = agent.is_latest_version;
        next.cloud_provider_type.clone_from(&agent.cloud_provider_type);
        next.sessions.retain(|present| present.id != session);
        next.sessions.push(Session {
            id: session,
            last_connected_time: moment.clock,
            connector_version: Some(agent.version.clone()),
            cloud_provider_metadata: agent.metadata.clone(),
        });
        self.connectors.put(next, moment.now);
    }

    /// The agent registers its connector where there is none and it may.
    fn register(&mut self, id: &str, occasion: Occasion, moment: &Moment<'_>) {
        let Some(agent) = self.agents.get_mut(id) else { return };
        if self.connectors.find(&agent.connector_id).is_some() {
            agent.registered = true;
            return;
        }
        let may = match moment.switches.choice() {
            _ if !agent.registered => true,
            RegistersAgain::Heartbeat => true,
            RegistersAgain::Restart => occasion == Occasion::Connect,
            RegistersAgain::Never => false,
        };
        if !may {
            return;
        }
        agent.registered = true;
        agent.session = None;
        let connector = Connector {
            place: self.connectors.next_place(),
            id: agent.connector_id.clone(),
            name: agent.name.clone(),
            status: DISCONNECTED.to_owned(),
            version: agent.version.clone(),
            is_latest_version: agent.is_latest_version,
            cloud_provider_type: agent.cloud_provider_type.clone(),
            last_connected: None,
            sessions: Vec::new(),
            further: Map::new(),
        };
        self.connectors.put(connector, moment.now);
    }
}

/// How long ago the last of the heartbeats was that were due every `period`.
fn remainder(silent: Duration, period: Duration) -> Duration {
    let rest = silent.as_nanos() % period.as_nanos().max(1);
    Duration::from_nanos(u64::try_from(rest).unwrap_or_default())
}
