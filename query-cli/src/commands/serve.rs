//! `weir serve`: questions and the page alone, over a lake that others fill.

use std::net::SocketAddr;
use std::sync::Arc;

use cookie::Key;
use tokio::sync::watch;
use weir_core::ports::{Clock, RandomIds, SystemClock};
use weir_lake::{Settings, Store, Table};

use super::listening::{End, finish, listen, wait_for};
use super::open_store;
use crate::args::{AuthArg, ServeCommandArgs};
use crate::engine::Engine;
use crate::error::Failure;
use crate::function;
use crate::http::{self, Accounts, Api, Auth, Known, Sealed};
use crate::metrics;
use crate::openid::OpenId;
use crate::output;
use crate::tokens::{Role, Token, tokens_of};

/// The fewest bytes of `WEIR_SESSION_KEY`.
const LEAST_KEY_BYTES: usize = 32;

/// Runs until interrupted; as a function, until the environment ends.
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
    let known = Known::new(store.clone(), Arc::clone(&clock)).with_settings(settings.clone())?;
    let known = Arc::new(known);
    let auth = auth(args, &settings, &known, clock.now_ms())?;
    let api = Api::new(Engine::new(store.clone(), clock), Arc::new(RandomIds), store.url())
        .with_known(known)
        .with_auth(auth.clone())
        .with_frame_ancestors(args.frame_ancestors.clone())
        .with_limits(args.limits())
        .with_webhooks(args.webhooks.webhooks());
    if args.function {
        return function::run(api, figures).await;
    }
    warn_of_provider(&auth);
    let listener = listen(SocketAddr::new(args.host, args.port)).await?;
    let address = listener.local_addr()?;
    let (stop, stopped) = watch::channel(false);
    tokio::spawn(metrics::keep_up(figures.clone(), stopped.clone()));
    if args.checks {
        tokio::spawn(api.checks().keep_checking(stopped.clone()));
    }
    let app = http::reading_router(api, figures).into_make_service_with_connect_info::<SocketAddr>();
    let server = axum::serve(listener, app).with_graceful_shutdown(wait_for(stopped));
    let server = tokio::spawn(server.into_future());
    output::say(welcome(address, &store, &auth));

    end.asked_for().await;
    output::say("stopping");
    stop.send_replace(true);
    finish("the server", server).await;
    Ok(())
}

/// How it finds out who asks. What is reached from elsewhere asks always.
fn auth(args: &ServeCommandArgs, settings: &Settings, known: &Arc<Known>, now_ms: i64) -> Result<Auth, Failure> {
    let tokens = tokens_of(settings)?;
    let has_tokens = tokens.iter().any(|token| token.is_active(now_ms));
    // A function is reached from wherever its address is known.
    let is_local = args.host.is_loopback() && !args.function;
    let openid = args.openid.settings(args.url.as_ref())?;
    let add = "make one with `weir tokens add --name YOU --role admin`";
    match args.auth {
        Some(AuthArg::Iam) if !args.function => {
            let message = "`--auth iam` is for a function: here nobody has asked before";
            return Err(Failure::usage(message).hint("leave it away, or say --function where AWS Lambda runs this"));
        }
        Some(AuthArg::Iam) => return Ok(Auth::Iam(args.iam_role)),
        Some(AuthArg::None) if !is_local => {
            let whom = if args.function { "whoever knows its address".to_owned() } else { args.host.to_string() };
            let message = format!("`weir serve` does not answer {whom} without asking who is there");
            return Err(Failure::usage(message).hint("leave --auth none away, or listen on 127.0.0.1 behind a proxy"));
        }
        Some(AuthArg::None) => return Ok(Auth::None),
        Some(AuthArg::Openid) if openid.is_none() => {
            let hint = "such as --openid-issuer https://login.example --openid-client weir --openid-role staff=viewer";
            return Err(Failure::usage("`--auth openid` needs --openid-issuer").hint(hint));
        }
        None if openid.is_none() && is_local && tokens.is_empty() => return Ok(Auth::None),
        Some(AuthArg::Token) | None if openid.is_none() && !has_tokens => {
            let message = format!("the lake has no token that is in force, so nobody could log in on {}", args.host);
            return Err(Failure::failed(message).hint(add));
        }
        Some(AuthArg::Token | AuthArg::Openid) | None => {}
    }
    let is_admin = |token: &Token| token.role == Role::Admin && token.is_active(now_ms);
    if openid.is_none() && !tokens.iter().any(is_admin) {
        output::say(format_args!("no token has the role admin; {add}"));
    }
    let is_https = args.url.as_ref().is_some_and(|url| url.scheme() == "https");
    let is_secure = (!is_local || is_https) && !args.insecure_cookie;
    let accounts = Accounts::new(Arc::clone(known), Sealed::new(session_key(args)?, is_secure));
    let accounts = match openid.filter(|_| args.auth != Some(AuthArg::Token)) {
        Some(openid) => accounts.with_openid(OpenId::new(openid).map_err(Failure::usage)?),
        None => accounts,
    };
    Ok(Auth::Accounts(Arc::new(accounts)))
}

/// Says so, if the provider does not answer: tokens go on, and it may come back.
fn warn_of_provider(auth: &Auth) {
    let Auth::Accounts(accounts) = auth else { return };
    let Some(openid) = accounts.openid().cloned() else { return };
    tokio::spawn(async move {
        if let Err(error) = openid.reach().await {
            tracing::warn!(%error, "nobody can log in with {} now", openid.name());
        }
    });
}

/// What sessions are encrypted with: given, or new, and then all sessions end with this server.
fn session_key(args: &ServeCommandArgs) -> Result<Key, Failure> {
    let given = args.session_key.as_deref().filter(|text| !text.is_empty());
    let hint = "take what `openssl rand -base64 48` prints";
    match given {
        Some(text) if text.len() < LEAST_KEY_BYTES => {
            let message = format!("WEIR_SESSION_KEY has {} bytes; use at least {LEAST_KEY_BYTES}", text.len());
            Err(Failure::usage(message).hint(hint))
        }
        Some(text) => Ok(Key::derive_from(text.as_bytes())),
        // Environments of a function come and go, and there are several at once.
        None if args.function => {
            Err(Failure::usage("a function needs WEIR_SESSION_KEY, else who logs in is soon out again").hint(hint))
        }
        None => Key::try_generate().ok_or_else(|| {
            Failure::failed("the system gives no random numbers for a key of sessions")
                .hint(format!("give one in WEIR_SESSION_KEY: {hint}"))
        }),
    }
}

fn welcome(address: SocketAddr, store: &Store, auth: &Auth) -> String {
    let lake = store.directory().map_or_else(|| store.url().to_owned(), |d| d.display().to_string());
    let who = match auth {
        Auth::Accounts(accounts) => match accounts.openid() {
            Some(openid) => format!("log in with {}, or with a token: `weir tokens`", openid.name()),
            None => "log in with a token: `weir tokens`".to_owned(),
        },
        Auth::None | Auth::Iam(_) => "whoever is on this machine may do everything".to_owned(),
    };
    format!("\nweir is ready at http://{address}   ({lake}; {who})\n\nstop with Ctrl-C\n")
}
