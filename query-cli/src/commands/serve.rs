//! `weir serve`: questions and the page alone, over a lake that others fill.

use std::net::SocketAddr;
use std::sync::Arc;

use cookie::Key;
use weir_core::ports::{Clock, RandomIds, SystemClock};
use weir_lake::{Settings, Store, Table};

use super::listening::{End, finish, listen, wait_for};
use super::open_store;
use crate::args::{AuthArg, ServeCommandArgs};
use crate::engine::Engine;
use crate::error::Failure;
use crate::http::{self, Api, Auth, TokenAuth};
use crate::metrics;
use crate::output;
use crate::tokens::{Role, tokens_of};
use tokio::sync::watch;

/// The fewest bytes of `WEIR_SESSION_KEY`.
const LEAST_KEY_BYTES: usize = 32;

/// Runs until interrupted.
///
/// # Errors
/// What keeps it from starting.
pub async fn run(args: &ServeCommandArgs) -> Result<(), Failure> {
    let figures = metrics::install()?;
    let mut end = End::listen()?;
    let store = open_store(&args.lake).await?;
    Table::must_exist(&store).await?;
    let settings = Settings::newest(&store).await?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let auth = auth(args, &store, settings, &clock)?;
    let is_open = matches!(auth, Auth::None);
    let listener = listen(SocketAddr::new(args.host, args.port)).await?;
    let address = listener.local_addr()?;
    let (stop, stopped) = watch::channel(false);
    tokio::spawn(metrics::keep_up(figures.clone(), stopped.clone()));
    let api = Api::new(Engine::new(store.clone(), clock), Arc::new(RandomIds), store.url())
        .with_auth(auth)
        .with_limits(args.limits())
        .with_webhooks(args.webhooks.webhooks());
    if args.checks {
        tokio::spawn(api.checks().keep_checking(stopped.clone()));
    }
    let app = http::reading_router(api, figures).into_make_service_with_connect_info::<SocketAddr>();
    let server = axum::serve(listener, app).with_graceful_shutdown(wait_for(stopped));
    let server = tokio::spawn(server.into_future());
    output::say(welcome(address, &store, is_open));

    end.asked_for().await;
    output::say("stopping");
    stop.send_replace(true);
    finish("the server", server).await;
    Ok(())
}

/// How it finds out who asks. What is reached from elsewhere asks always.
fn auth(args: &ServeCommandArgs, store: &Store, settings: Settings, clock: &Arc<dyn Clock>) -> Result<Auth, Failure> {
    let now_ms = clock.now_ms();
    let tokens = tokens_of(&settings)?;
    let has_tokens = tokens.iter().any(|token| token.is_active(now_ms));
    let is_local = args.host.is_loopback();
    let add = "make one with `weir tokens add --name YOU --role admin`";
    match args.auth {
        Some(AuthArg::None) if !is_local => {
            let message = format!("`weir serve` does not listen on {} without asking who is there", args.host);
            return Err(Failure::usage(message).hint("leave --auth none away, or listen on 127.0.0.1 behind a proxy"));
        }
        Some(AuthArg::None) => return Ok(Auth::None),
        None if is_local && tokens.is_empty() => return Ok(Auth::None),
        Some(AuthArg::Token) | None if !has_tokens => {
            let message = format!("the lake has no token that is in force, so nobody could log in on {}", args.host);
            return Err(Failure::failed(message).hint(add));
        }
        Some(AuthArg::Token) | None => {}
    }
    if !tokens.iter().any(|token| token.role == Role::Admin && token.is_active(now_ms)) {
        output::say(format_args!("no token has the role admin; {add}"));
    }
    let is_secure = !is_local && !args.insecure_cookie;
    let key = session_key(args.session_key.as_deref())?;
    let auth = TokenAuth::new(store.clone(), settings, Arc::clone(clock), key, is_secure)?;
    Ok(Auth::Tokens(Arc::new(auth)))
}

/// What sessions are encrypted with: given, or new, and then all sessions end with this server.
fn session_key(given: Option<&str>) -> Result<Key, Failure> {
    let hint = "take what `openssl rand -base64 48` prints";
    match given.filter(|text| !text.is_empty()) {
        Some(text) if text.len() < LEAST_KEY_BYTES => {
            let message = format!("WEIR_SESSION_KEY has {} bytes; use at least {LEAST_KEY_BYTES}", text.len());
            Err(Failure::usage(message).hint(hint))
        }
        Some(text) => Ok(Key::derive_from(text.as_bytes())),
        None => Key::try_generate().ok_or_else(|| {
            Failure::failed("the system gives no random numbers for a key of sessions")
                .hint(format!("give one in WEIR_SESSION_KEY: {hint}"))
        }),
    }
}

fn welcome(address: SocketAddr, store: &Store, is_open: bool) -> String {
    let lake = store.directory().map_or_else(|| store.url().to_owned(), |d| d.display().to_string());
    let who =
        if is_open { "whoever is on this machine may do everything" } else { "log in with a token: `weir tokens`" };
    format!("\nweir is ready at http://{address}   ({lake}; {who})\n\nstop with Ctrl-C\n")
}
