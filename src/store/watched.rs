//! Connections that remember when SQLite calls the file damaged, whichever statement it was that met the damage.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;

use futures_util::StreamExt;
use futures_util::TryFutureExt;
use futures_util::TryStreamExt;
use futures_util::future::BoxFuture;
use futures_util::stream::BoxStream;
use sqlx::Either;
use sqlx::Error;
use sqlx::Execute;
use sqlx::Executor;
use sqlx::SqlStr;
use sqlx::Sqlite;
use sqlx::SqliteConnection;
use sqlx::SqlitePool;
use sqlx::Transaction;
use sqlx::pool::PoolConnection;
use sqlx::sqlite::SqliteQueryResult;
use sqlx::sqlite::SqliteRow;
use sqlx::sqlite::SqliteStatement;
use sqlx::sqlite::SqliteTypeInfo;

use crate::store::error::StoreError;
use crate::store::error::is_damage;

/// Whether the file was found damaged since it was opened. That holds until it was replaced, which takes a restart: what
/// still can be read and written, as pages that are whole can, proves nothing.
#[derive(Debug, Clone, Default)]
pub(crate) struct Damage(Arc<AtomicBool>);

impl Damage {
    pub(crate) fn is_known(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    fn note(&self, error: &Error) {
        if is_damage(error) {
            self.0.store(true, Ordering::Relaxed);
        }
    }

    /// What a check said.
    pub(crate) fn note_found(&self, error: &StoreError) {
        if error.is_damage() {
            self.0.store(true, Ordering::Relaxed);
        }
    }
}

/// A pool whose connections tell of damage.
#[derive(Debug, Clone)]
pub(crate) struct Pool {
    pool: SqlitePool,
    damage: Damage,
}

/// A connection that tells of damage.
#[derive(Debug)]
pub(crate) struct Conn {
    held: Held,
    damage: Damage,
}

#[derive(Debug)]
enum Held {
    Plain(PoolConnection<Sqlite>),
    /// One moment's view of everything.
    View(Transaction<'static, Sqlite>),
}

impl Held {
    fn connection(&mut self) -> &mut SqliteConnection {
        match self {
            Self::Plain(conn) => conn,
            Self::View(conn) => conn,
        }
    }
}

impl Pool {
    pub(crate) fn new(pool: SqlitePool, damage: Damage) -> Self {
        Self { pool, damage }
    }

    pub(crate) fn damage(&self) -> &Damage {
        &self.damage
    }

    pub(crate) async fn acquire(&self) -> Result<Conn, Error> {
        let held = self
            .pool
            .acquire()
            .await
            .inspect_err(|error| self.damage.note(error))?;
        Ok(self.conn(Held::Plain(held)))
    }

    pub(crate) async fn begin(&self) -> Result<Conn, Error> {
        let held = self
            .pool
            .begin()
            .await
            .inspect_err(|error| self.damage.note(error))?;
        Ok(self.conn(Held::View(held)))
    }

    fn conn(&self, held: Held) -> Conn {
        Conn {
            held,
            damage: self.damage.clone(),
        }
    }

    pub(crate) async fn close(&self) {
        self.pool.close().await;
    }
}

impl Conn {
    /// Closes the connection when it is given back: the next one gets a fresh one.
    pub(crate) fn close_on_drop(&mut self) {
        match &mut self.held {
            Held::Plain(conn) => conn.close_on_drop(),
            Held::View(_) => {}
        }
    }
}

impl<'p> Executor<'p> for &'p Pool {
    type Database = Sqlite;

    fn fetch_many<'e, 'q: 'e, E>(
        self,
        query: E,
    ) -> BoxStream<'e, Result<Either<SqliteQueryResult, SqliteRow>, Error>>
    where
        'p: 'e,
        E: 'q + Execute<'q, Sqlite>,
    {
        self.pool
            .fetch_many(query)
            .inspect_err(|error| self.damage.note(error))
            .boxed()
    }

    fn fetch_optional<'e, 'q: 'e, E>(self, query: E) -> BoxFuture<'e, Result<Option<SqliteRow>, Error>>
    where
        'p: 'e,
        E: 'q + Execute<'q, Sqlite>,
    {
        let asked = self.pool.fetch_optional(query);
        Box::pin(asked.inspect_err(|error| self.damage.note(error)))
    }

    fn prepare_with<'e>(
        self,
        sql: SqlStr,
        parameters: &'e [SqliteTypeInfo],
    ) -> BoxFuture<'e, Result<SqliteStatement, Error>>
    where
        'p: 'e,
    {
        let asked = self.pool.prepare_with(sql, parameters);
        Box::pin(asked.inspect_err(|error| self.damage.note(error)))
    }
}

impl<'c> Executor<'c> for &'c mut Conn {
    type Database = Sqlite;

    fn fetch_many<'e, 'q: 'e, E>(
        self,
        query: E,
    ) -> BoxStream<'e, Result<Either<SqliteQueryResult, SqliteRow>, Error>>
    where
        'c: 'e,
        E: 'q + Execute<'q, Sqlite>,
    {
        let damage = &self.damage;
        self.held
            .connection()
            .fetch_many(query)
            .inspect_err(|error| damage.note(error))
            .boxed()
    }

    fn fetch_optional<'e, 'q: 'e, E>(self, query: E) -> BoxFuture<'e, Result<Option<SqliteRow>, Error>>
    where
        'c: 'e,
        E: 'q + Execute<'q, Sqlite>,
    {
        let damage = &self.damage;
        let asked = self.held.connection().fetch_optional(query);
        Box::pin(asked.inspect_err(|error| damage.note(error)))
    }

    fn prepare_with<'e>(
        self,
        sql: SqlStr,
        parameters: &'e [SqliteTypeInfo],
    ) -> BoxFuture<'e, Result<SqliteStatement, Error>>
    where
        'c: 'e,
    {
        let damage = &self.damage;
        let asked = self.held.connection().prepare_with(sql, parameters);
        Box::pin(asked.inspect_err(|error| damage.note(error)))
    }
}
