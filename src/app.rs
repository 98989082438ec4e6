//! Builds every part once from the configuration and runs the loops until told to stop.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

pub mod settings;
pub mod heartbeat;
pub mod loops;
pub mod state_line;
pub mod watch;

use crate::app::loops::Loops;
use crate::app::settings::all_channels;
use crate::app::settings::configure_desk;
use crate::app::settings::plan;
use crate::app::settings::web_settings;
use crate::app::watch::Watch;
use crate::config::load::Config;
use crate::domain::alerting::rules::Rules;
use crate::domain::capacity::Capacities;
use crate::domain::pool::Board;
use crate::hints::desk::Desk;
use crate::jobs::check::Check;
use crate::jobs::depart;
use crate::jobs::report::Reporting;
use crate::jobs::shop::Sharing;
use crate::jobs::shop::Shelf;
use crate::jobs::shop::Shop;
use crate::jobs::shop::Telling;
use crate::notify::channel::Channel;
use crate::notify::channel::ChannelError;
use crate::observe::counters::Counters;
use crate::observe::view::Instance;
use crate::observe::view::View;
use crate::scheduler::ticker::Ticker;
use crate::service::beats::Beats;
use crate::service::supervisor::Supervisor;
use crate::store::db::Store;
use crate::store::error::OpenError;
use crate::store::error::StoreError;
use crate::store::reader::Reader;
use crate::web::access::Door;
use crate::web::places::Places;
use crate::web::server;
use crate::web::server::BindError;
use crate::web::state::AppState;
use crate::whmcs::client::Client;
use crate::whmcs::client::ClientError;

/// How long the first decision about a shop waits for the first looks of those that it shares pools with.
const FIRST_LOOKS: Duration = Duration::from_secs(15);
/// How long steps that have begun may go on after the daemon was told to stop.
const GRACE: Duration = Duration::from_secs(8);
/// Longer than a new configuration takes to be in force, however slow the disk.
const CHANGING: Duration = Duration::from_secs(5 * 60);

/// What takes long at a start.
const OPENING: &str = "Opening the database: it is checked and brought up to date.";

/// What the daemon is told while it runs.
#[derive(Debug, Clone, Default)]
pub struct Control {
    pub stop: CancellationToken,
    pub reload: Arc<Notify>,
    /// Who started it and hears how it fares.
    pub supervisor: Supervisor,
    /// Which loops are alive.
    pub beats: Beats,
}

impl Control {
    /// Told to that supervisor, whose watchdog says how closely the loops are followed.
    #[must_use]
    pub fn supervised(supervisor: Supervisor) -> Self {
        let beats = supervisor
            .watchdog()
            .map_or_else(Beats::default, |watchdog| Beats::paced(watchdog / 4));
        Self {
            supervisor,
            beats,
            ..Self::default()
        }
    }
}

/// What ends a generation, or asks for the next.
enum Event {
    Stop,
    Reload,
    Fault(String),
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
    #[error(transparent)]
    Channel(#[from] ChannelError),
    #[error(transparent)]
    Listen(#[from] BindError),
    #[error("the metrics cannot be set up: {0}")]
    Metrics(#[from] prometheus::Error),
    #[error("a part of the daemon failed and it cannot go on: {0}")]
    Fault(String),
}

/// What lives as long as the daemon, over reloads.
pub struct Lasting {
    pub store: Store,
    pub view: Arc<View>,
    pub counters: Arc<Counters>,
    pub desk: Arc<Desk>,
    pub ticker: Ticker,
    pub beats: Beats,
}

/// What one configuration makes; replaced by a reload.
#[derive(Debug)]
pub struct Generation {
    pub config: Config,
    pub rules: Arc<Rules>,
    pub capacities: Arc<Capacities>,
    pub shops: Vec<(Arc<Shop>, Arc<Client>)>,
    /// The pools of all shops; `None` where there are none.
    pub pools: Option<Arc<Shelf>>,
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
    let opening = Store::open(&config.store);
    let opened = control.supervisor.patiently(OPENING, opening).await?;
    for warning in &opened.warnings {
        tracing::warn!("{warning}");
    }
    let store = opened.store;
    if opened.is_new {
        tracing::info!(path = %config.store.path.display(), "A new database: the first poll is a baseline.");
    }
    let checking = opened
        .unchecked
        .then(|| tokio::spawn(check_beside(store.clone())));
    let result = run_on(store.clone(), config, control, load, listening).await;
    if let Some(checking) = checking {
        checking.abort();
    }
    store.close().await;
    result
}

/// Looks for damage beside the work, where the file is too large to be checked within the start.
async fn check_beside(store: Store) {
    match store.quick_check().await {
        Ok(()) => tracing::debug!("The database is sound."),
        Err(error) => {
            tracing::error!(%error, "Stop the daemon and put a backup in the database's place.");
        }
    }
}

async fn run_on(
    store: Store,
    config: Config,
    control: &Control,
    load: &mut (dyn FnMut() -> Option<Config> + Send),
    listening: impl FnOnce(SocketAddr),
) -> Result<(), RunError> {
    let mut generation = Generation::new(config, &store, &[]).await?;
    let lasting = Lasting {
        view: Arc::new(View::new(
            generation.shown(&store).await?,
            &generation.channel_names(),
        )),
        counters: Arc::new(Counters::new(
            &generation.instance_names(),
            &generation.channel_names(),
        )?),
        desk: Arc::default(),
        store,
        ticker: Ticker::default(),
        beats: control.beats.clone(),
    };
    lasting.counters.reloaded(Some(Timestamp::now()));
    configure_desk(&lasting.desk, &generation.config);
    generation.say_when(&lasting.view);
    generation.show_pools(&lasting.store, &lasting.view).await?;
    let state = AppState {
        view: Arc::clone(&lasting.view),
        counters: Arc::clone(&lasting.counters),
        scrapes: Arc::default(),
        store: lasting.store.clone(),
        desk: Arc::clone(&lasting.desk),
        forms: Arc::default(),
        kept: Arc::default(),
        places: Places::default(),
        beats: lasting.beats.clone(),
    };
    let settings = web_settings(&generation.config);
    let bound = server::bind(&settings, state).await?;
    let address = bound.address().unwrap_or(settings.listen);
    let door = bound.door();
    let web_stop = CancellationToken::new();
    let mut web = JoinSet::new();
    web.spawn(bound.serve(web_stop.clone()));
    tracing::info!(%address, "Listening: page, API and metrics.");
    listening(address);
    control.supervisor.ready();
    let watching = CancellationToken::new();
    let watch = tokio::spawn(lasting.watch(control).run(watching.clone()));
    let result = generations(
        &lasting,
        &mut generation,
        control,
        load,
        &mut web,
        (&web_stop, &door),
    )
    .await;
    let why = result.as_ref().err().map(ToString::to_string);
    control
        .supervisor
        .stopping(why.as_deref().unwrap_or("Stopped as told."));
    watching.cancel();
    web_stop.cancel();
    let _ = tokio::time::timeout(Duration::from_secs(3), web.join_next()).await;
    let _ = watch.await;
    result
}

impl Lasting {
    fn watch(&self, control: &Control) -> Watch {
        Watch {
            beats: self.beats.clone(),
            supervisor: control.supervisor.clone(),
            view: Arc::clone(&self.view),
            store: self.store.clone(),
        }
    }
}

/// Runs one generation after the other, until told to stop or a part fails.
async fn generations(
    lasting: &Lasting,
    generation: &mut Generation,
    control: &Control,
    load: &mut (dyn FnMut() -> Option<Config> + Send),
    web: &mut JoinSet<()>,
    (web_stop, door): (&CancellationToken, &Door),
) -> Result<(), RunError> {
    let beat = control.beats.begin("signals and reloads");
    loop {
        beat.within(CHANGING);
        take_over(lasting, generation).await?;
        let mut loops = Loops::start(lasting, generation);
        let next = loop {
            match beat.waiting(event(control, &mut loops, web)).await {
                Event::Stop => break None,
                Event::Reload => {
                    control.supervisor.reloading();
                    let next = load();
                    if next.is_some() {
                        break next;
                    }
                    lasting.counters.reloaded(None);
                    control.supervisor.ready();
                }
                Event::Fault(fault) => {
                    control.supervisor.stopping(&fault);
                    loops.stop(GRACE).await;
                    return Err(RunError::Fault(fault));
                }
            }
        };
        beat.within(CHANGING);
        if next.is_none() {
            control
                .supervisor
                .stopping("Told to stop: what has begun is brought to its end.");
            // Pages stop at once, so that both together stay within the promised ten seconds.
            web_stop.cancel();
        }
        loops.stop(GRACE).await;
        // Told to stop while a reload waited for what hung: nothing new is begun.
        let Some(config) = next.filter(|_| !control.stop.is_cancelled()) else {
            tracing::info!("Stopped.");
            return Ok(());
        };
        change(lasting, generation, config, door).await?;
        control.supervisor.ready();
    }
}

/// What happens next while the loops run.
async fn event(control: &Control, loops: &mut Loops, web: &mut JoinSet<()>) -> Event {
    tokio::select! {
        () = control.stop.cancelled() => Event::Stop,
        () = control.reload.notified() => Event::Reload,
        fault = loops.fault() => Event::Fault(fault),
        name = control.beats.fallen() => Event::Fault(format!("the loop \"{name}\" panicked")),
        ended = web.join_next() => Event::Fault(format!("the web server ended: {ended:?}")),
    }
}

/// Settles what an earlier configuration or process left behind, before the loops of this one start.
async fn take_over(lasting: &Lasting, generation: &Generation) -> Result<(), RunError> {
    let names = generation.channel_names();
    let buried = lasting
        .store
        .bury_channels_except(
            &names.iter().map(String::as_str).collect::<Vec<_>>(),
            Timestamp::now(),
        )
        .await?;
    if buried > 0 {
        tracing::warn!(
            buried,
            "Messages of channels that are no longer configured became dead letters."
        );
    }
    let configured = generation.instance_names();
    mention_removed(&lasting.store, &configured).await?;
    let withdrawn = depart::withdraw_departed(
        &lasting.store,
        &generation.rules,
        &generation.telling,
        &configured,
        Timestamp::now(),
    );
    for (channel, headline) in withdrawn.await? {
        tracing::info!(channel, headline, "Telling.");
    }
    // Nobody else delivers (the lock proves it), and this process has no loop running now.
    let voided = lasting.store.void_leases(Timestamp::now()).await?;
    if voided > 0 {
        tracing::info!(voided, "Deliveries that were under way are due again.");
    }
    Ok(())
}

/// Puts a new configuration in force; where it cannot be used, the old one stays.
async fn change(
    lasting: &Lasting,
    generation: &mut Generation,
    config: Config,
    door: &Door,
) -> Result<(), RunError> {
    match Generation::new(config, &lasting.store, &generation.shops).await {
        Ok(fresh) => {
            warn_of_restart(&generation.config, &fresh.config);
            door.change(&web_settings(&fresh.config));
            configure_desk(&lasting.desk, &fresh.config);
            *generation = fresh;
            lasting.counters.reloaded(Some(Timestamp::now()));
        }
        Err(error) => {
            lasting.counters.reloaded(None);
            tracing::error!(%error, "The new configuration cannot be used; the old one stays.");
            return Ok(());
        }
    }
    let channels = generation.channel_names();
    lasting
        .counters
        .configure(&generation.instance_names(), &channels);
    lasting
        .view
        .reconfigure(generation.shown(&lasting.store).await?, &channels);
    generation.say_when(&lasting.view);
    generation.show_pools(&lasting.store, &lasting.view).await?;
    tracing::info!("The new configuration is in force.");
    Ok(())
}

/// Names the shops that are not asked any more: nothing of theirs is thrown away.
async fn mention_removed(store: &Store, configured: &[String]) -> Result<(), StoreError> {
    let known = store.reader().instances().await?;
    for shop in known.iter().filter(|shop| !configured.contains(&shop.name)) {
        tracing::info!(
            shop = shop.name,
            "No longer configured: its history is kept. `instance rename` gives it to another name."
        );
    }
    Ok(())
}

/// Names what a reload cannot change.
fn warn_of_restart(old: &Config, new: &Config) {
    let differs = [
        ("HTTP_LISTEN", old.http.listen != new.http.listen),
        ("DATABASE_URL", old.store.path != new.store.path),
        ("LOG_LEVEL, LOG_FORMAT", old.log != new.log),
    ];
    for (keys, differs) in differs {
        if differs {
            tracing::warn!("{keys} changed: that takes a restart; until then the old value holds.");
        }
    }
}

impl Generation {
    /// Builds the parts of a configuration; a shop that was there before keeps its memory.
    pub async fn new(
        config: Config,
        store: &Store,
        before: &[(Arc<Shop>, Arc<Client>)],
    ) -> Result<Self, RunError> {
        Self::with(config, store, before, None).await
    }

    /// The same with the shop of that name alone, or with all; the pools count all shops of the configuration anyway.
    pub async fn with(
        config: Config,
        store: &Store,
        before: &[(Arc<Shop>, Arc<Client>)],
        only: Option<&str>,
    ) -> Result<Self, RunError> {
        let telling = Arc::new(Self::telling(&config)?);
        let mut shops = Vec::with_capacity(config.instances.len());
        let wanted = |name: &str| only.is_none_or(|only| only == name);
        for instance in config.instances.iter().filter(|instance| wanted(&instance.name)) {
            let client = Client::new(instance.api.clone()).map_err(|error| RunError::Client {
                place: instance.name.clone(),
                error,
            })?;
            let known = before.iter().find(|(shop, _)| shop.name == instance.name);
            let shop = match known {
                Some((shop, _)) => Arc::clone(shop),
                None => Arc::new(Shop::new(&instance.name, store.instance(&instance.name).await?)),
            };
            shops.push((shop, Arc::new(client)));
        }
        let rules = Arc::clone(&config.rules);
        let capacities = Arc::clone(&config.capacities);
        let pools = shelf(&config, store).await?;
        for instance in config.instances.iter().filter(|instance| !wanted(&instance.name)) {
            pools.iter().for_each(|shelf| shelf.miss(&instance.name));
        }
        Ok(Self {
            config,
            rules,
            capacities,
            shops,
            pools,
            telling,
        })
    }

    /// The channels, those that reports have of their own last, and how messages are put into words.
    pub fn telling(config: &Config) -> Result<Telling, RunError> {
        let mut channels = Vec::with_capacity(config.channels.len());
        for settings in all_channels(&config.channels, &config.reports) {
            channels.push(Channel::new(&settings)?.among(config.instances.len() > 1));
        }
        let quiet = config
            .channels
            .iter()
            .filter_map(|channel| Some((channel.name.clone(), channel.quiet.clone()?)));
        Ok(Telling {
            channels,
            quiet: quiet.collect(),
            zone: config.timezone.clone(),
            page_url: config.http.page_url.clone(),
        })
    }

    /// The check of the shop at that place.
    #[must_use]
    pub fn check(&self, place: usize, store: &Store, details_budget: Duration) -> Check {
        let (shop, client) = &self.shops[place];
        Check {
            shop: Arc::clone(shop),
            client: Arc::clone(client),
            store: store.clone(),
            rules: Arc::clone(&self.rules),
            capacities: Arc::clone(&self.capacities),
            pools: self.pools.clone(),
            windows: Arc::clone(&self.config.windows),
            telling: Arc::clone(&self.telling),
            details_budget,
        }
    }

    /// The shops' names, in the order of the configuration.
    #[must_use]
    pub fn instance_names(&self) -> Vec<String> {
        self.config
            .instances
            .iter()
            .map(|instance| instance.name.clone())
            .collect()
    }

    /// The channels' names, in the order of the configuration; those that reports have of their own come last.
    #[must_use]
    pub fn channel_names(&self) -> Vec<String> {
        let channels = self.telling.channels.iter();
        channels.map(|channel| channel.name().to_owned()).collect()
    }

    /// The reports with all they need.
    #[must_use]
    pub fn reporting(&self, store: &Store) -> Reporting {
        let instances = self.config.instances.iter();
        let shops = self.shops.iter().filter_map(|(shop, _)| {
            let of_shop = instances.clone().find(|instance| instance.name == shop.name)?;
            Some((Arc::clone(shop), of_shop.schedule.clone()))
        });
        Reporting {
            plans: self.config.reports.iter().map(plan).collect(),
            store: store.clone(),
            rules: Arc::clone(&self.rules),
            shops: shops.collect(),
            pools: self.pools.clone(),
            telling: Arc::clone(&self.telling),
        }
    }

    /// Shows which windows and time zone are configured.
    fn say_when(&self, view: &View) {
        view.configure(Arc::clone(&self.config.windows), self.config.timezone.clone());
        view.limit_combinations(Arc::clone(&self.config.combinations));
        view.open_to_all(self.config.public.clone());
    }

    /// Shows how the pools stand before the first poll, from what is remembered.
    async fn show_pools(&self, store: &Store, view: &View) -> Result<(), StoreError> {
        view.show_pools(self.board(store, Timestamp::now()).await?);
        Ok(())
    }

    /// How the pools stand, as last committed, else at `now`.
    pub async fn board(&self, store: &Store, now: Timestamp) -> Result<Arc<Board>, StoreError> {
        let mut shown = Arc::default();
        if let Some(pools) = &self.pools {
            let show = |board| shown = board;
            pools.show(store, &self.rules, now, show).await?;
        }
        Ok(shown)
    }

    /// The shops as pages show them before their first poll.
    async fn shown(&self, store: &Store) -> Result<Vec<Instance>, StoreError> {
        let mut shown = Vec::with_capacity(self.shops.len());
        for (shop, _) in &self.shops {
            let instance = Instance::new(&shop.name, shop.memory(store, &self.rules).await?);
            let mut configured = self.config.instances.iter();
            shown.push(match configured.find(|instance| instance.name == shop.name) {
                Some(configured) => instance.asked(&configured.schedule),
                None => instance,
            });
        }
        Ok(shown)
    }
}

/// The pools, where some are configured, or remembered and not yet taken back.
async fn shelf(config: &Config, store: &Store) -> Result<Option<Arc<Shelf>>, StoreError> {
    let id = if config.capacities.pools.is_empty() {
        let Some(id) = store.reader().pools().await? else {
            return Ok(None);
        };
        let memory = store.reader().memory(id, &config.rules.global()).await?;
        if memory.products.iter().all(|pool| pool.gone) {
            return Ok(None);
        }
        id
    } else {
        store.pools().await?
    };
    let sharing = sharing(config, Some(store.reader())).await?;
    let shelf = Shelf::new(id, Arc::clone(&config.capacities), sharing);
    Ok(Some(Arc::new(shelf.waiting(FIRST_LOOKS))))
}

/// All shops of the configuration, as they share pools.
pub async fn sharing(config: &Config, reader: Option<&Reader>) -> Result<Vec<Sharing>, StoreError> {
    let mut shops = Vec::with_capacity(config.instances.len());
    for instance in &config.instances {
        shops.push(Sharing {
            name: instance.name.as_str().into(),
            id: match reader {
                Some(reader) => reader.instance(&instance.name).await?,
                None => None,
            },
            schedule: instance.schedule.clone(),
        });
    }
    Ok(shops)
}
