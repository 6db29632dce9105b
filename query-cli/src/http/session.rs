//! Who is there.
//!
//! ```text
//! GET /api/session   {"version":"0.1.0","auth":"none","name":null,"role":"admin","lake":"demo"}
//! ```

use std::convert::Infallible;

use axum::Json;
use axum::extract::{FromRequestParts, State};
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::json;

use super::state::Api;

/// What somebody may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Everything.
    Admin,
}

/// Who asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The name of their token; `None` where nobody has one.
    pub name: Option<String>,
    /// What they may do.
    pub role: Option<Role>,
}

impl Identity {
    /// Whoever reaches a server that asks for nothing.
    pub const ANYONE: Self = Self { name: None, role: Some(Role::Admin) };
}

impl<S: Send + Sync> FromRequestParts<S> for Identity {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(parts.extensions.get::<Self>().cloned().unwrap_or(Self::ANYONE))
    }
}

pub(super) async fn session(State(api): State<Api>, who: Identity) -> Response {
    let session = json!({
        "version": env!("CARGO_PKG_VERSION"), "auth": "none", "name": who.name, "role": who.role, "lake": api.lake.as_ref(),
    });
    Json(session).into_response()
}
