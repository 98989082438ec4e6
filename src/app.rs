//! Builds every part once from the configuration and runs the loops until told to stop.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::app::loops::Loops;
use crate::config::settings::Config;
use crate::jobs::shop::Shop;
use crate::jobs::shop::Telling;
use crate::notify::channel::Channel;
use crate::notify::channel::ChannelError;
use crate::observe::counters::Counters;
use crate::observe::view::Instance;
use crate::observe::view::View;
use crate::scheduler::ticker::Ticker;
use crate::store::db::Store;
use crate::store::error::OpenError;
use crate::store::error::StoreError;
use crate::web::server;
use crate::whmcs::client::Client;
use crate::whmcs::client::ClientError;

/// How long steps that have begun may go on after the daemon was told to stop.
const GRACE: Duration = Duration::from_secs(8);

/// What the daemon is told while it runs.
#[derive(Debug, Clone, Default)]
pub struct Control {
    pub stop: CancellationToken,
    pub reload: Arc<Notify>,
}

/// Why the daemon ended other than by being told to.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error("{0}")]
    Store(#[from] StoreError),
    #[error("{place}: {error}")]
    Client { place: String, error: ClientError },
    #[error("channel {place}: {error}")]
    Channel { place: String, error: ChannelError },
    #[error("Cannot listen on {address}: {error}. Is the monitor already running, or does HTTP_LISTEN name a wrong address?")]
    Listen { address: SocketAddr, error: std::io::Error },
    #[error("the metrics cannot be set up: {0}")]
    Metrics(#[from] prometheus::Error),
    #[error("the cron dispatcher cannot be started: {0}")]
    Ticker(String),
    #[error("a part of the daemon failed and it cannot go on: {0}")]
    Fault(String),
}

/// What lives as long as the daemon, over reloads.
#[derive(Debug)]
pub struct Lasting {
    pub store: Store,
    pub view: Arc<View>,
    pub counters: Arc<Counters>,
    pub ticker: Ticker,
}

/// What one configuration makes; replaced by a reload.
#[derive(Debug)]
pub struct Generation {
    pub config: Config,
    pub shops: Vec<(Arc<Shop>, Arc<Client>)>,
    pub telling: Arc<Telling>,
}

/// Runs the daemon. `load` reads the configuration anew for a reload, having said what is wrong with it where it
/// cannot be used; `listening` hears the address of page and metrics.
pub async fn run(
    config: Config,
    control: &Control,
    load: &mut (dyn FnMut() -> Option<Config> + Send),
    listening: impl FnOnce(SocketAddr),
) -> Result<(), RunError> {
    let opened = Store::open(&config.store).await?;
    for warning in &opened.warnings {
        tracing::warn!("{warning}");
    }
    let store = opened.store;
    let result = run_on(store.clone(), config, control, load, listening).await;
    store.close().await;
    result
}

async fn run_on(
    store: Store,
    config: Config,
    control: &Control,
    load: &mut (dyn FnMut() -> Option<Config> + Send),
    listening: impl FnOnce(SocketAddr),
) -> Result<(), RunError> {
    let address = config.http.listen;
    let listener =
        server::bind(address).await.map_err(|error| RunError::Listen { address, error })?;
    let address = listener.local_addr().unwrap_or(address);
    let ticker = Ticker::start().await.map_err(|error| RunError::Ticker(error.to_string()))?;
    let mut generation = Generation::new(config, &store, &[]).await?;
    let lasting = Lasting {
        view: Arc::new(View::new(generation.shown(&store).await?, &generation.config.channel_names())),
        counters: Arc::new(Counters::new(
            &generation.config.instance_names(),
            &generation.config.channel_names(),
        )?),
        store,
        ticker,
    };
    lasting.store.void_leases().await?;
    let web_stop = CancellationToken::new();
    let state = server::AppState::new(
        Arc::clone(&lasting.view),
        Arc::clone(&lasting.counters),
        lasting.store.clone(),
    );
    let settings = generation.config.web_settings(address);
    let mut web = JoinSet::new();
    web.spawn(server::serve(listener, settings, state, web_stop.clone()));
    tracing::info!(%address, "Listening: page, API and metrics.");
    listening(address);
    let result = generations(&lasting, &mut generation, control, load, &mut web).await;
    web_stop.cancel();
    let _ = tokio::time::timeout(Duration::from_secs(3), web.join_next()).await;
    result
}

/// Runs one generation after the other, until told to stop or a part fails.
async fn generations(
    lasting: &Lasting,
    generation: &mut Generation,
    control: &Control,
    load: &mut (dyn FnMut() -> Option<Config> + Send),
    web: &mut JoinSet<std::io::Result<()>>,
) -> Result<(), RunError> {
    loop {
        let names = generation.config.channel_names();
        let buried = lasting.store.bury_channels_except(&names, Timestamp::now()).await?;
        if buried > 0 {
            tracing::warn!(buried, "Messages of channels that are no longer configured became dead letters.");
        }
        let mut loops = Loops::start(lasting, generation);
        let next = loop {
            tokio::select! {
                () = control.stop.cancelled() => break None,
                () = control.reload.notified() => {
                    let next = load();
                    lasting.counters.reloaded(next.is_some());
                    if next.is_some() {
                        break next;
                    }
                }
                fault = loops.fault() => {
                    loops.stop(GRACE).await;
                    return Err(RunError::Fault(fault));
                }
                ended = web.join_next() => {
                    loops.stop(GRACE).await;
                    return Err(RunError::Fault(format!("the web server ended: {ended:?}")));
                }
            }
        };
        loops.stop(GRACE).await;
        let Some(config) = next else {
            tracing::info!("Stopped.");
            return Ok(());
        };
        match Generation::new(config, &lasting.store, &generation.shops).await {
            Ok(fresh) => *generation = fresh,
            Err(error) => {
                lasting.counters.reloaded(false);
                tracing::error!(%error, "The new configuration cannot be used; the old one stays.");
                continue;
            }
        }
        let config = &generation.config;
        lasting.counters.configure(&config.instance_names(), &config.channel_names());
        lasting.view.reconfigure(generation.shown(&lasting.store).await?, &config.channel_names());
        tracing::info!("The new configuration is in force.");
    }
}

impl Generation {
    async fn new(
        config: Config,
        store: &Store,
        before: &[(Arc<Shop>, Arc<Client>)],
    ) -> Result<Self, RunError> {
        let mut channels = Vec::with_capacity(config.channels.len());
        for settings in &config.channels {
            let channel = Channel::new(&settings.settings())
                .map_err(|error| RunError::Channel { place: settings.name.clone(), error })?;
            channels.push(channel);
        }
        let telling = Arc::new(Telling { channels, zone: config.timezone.zone.clone(), page_url: None });
        let mut shops = Vec::with_capacity(config.instances.len());
        for instance in &config.instances {
            let client = Client::new(instance.api.clone())
                .map_err(|error| RunError::Client { place: instance.name.clone(), error })?;
            let known = before.iter().find(|(shop, _)| shop.name == instance.name);
            let shop = match known {
                Some((shop, _)) => Arc::clone(shop),
                None => Arc::new(Shop::new(&instance.name, store.instance(&instance.name).await?)),
            };
            shops.push((shop, Arc::new(client)));
        }
        Ok(Self { config, shops, telling })
    }

    /// The shops as pages show them before their first poll.
    async fn shown(&self, store: &Store) -> Result<Vec<Instance>, StoreError> {
        let mut shown = Vec::with_capacity(self.shops.len());
        for (shop, _) in &self.shops {
            shown.push(Instance::new(&shop.name, shop.memory(store, &self.config.rules).await?));
        }
        Ok(shown)
    }
}
