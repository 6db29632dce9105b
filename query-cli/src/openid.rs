//! OpenID Connect: who somebody is, as a provider says (the code flow of OpenID Connect Core 1.0, with PKCE), and which role that
//! gives.
//!
//! ```text
//! browser ▸ begin: provider's page, with state, nonce and challenge ▸ provider ▸ browser with a code
//!         ▸ finish: code for an ID token; its signature, issuer, audience, time and nonce are checked ▸ Person
//!         ▸ role_of: what the role claim of the person says, by the rules of this server ▸ viewer, editor, admin or nobody
//! ```
//!
//! The protocol is that of the crate `openidconnect`. What the provider says of itself, and its keys, are read anew for each
//! login: logins are rare, and no key is held that the provider has taken back.

use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use openidconnect::core::{
    CoreAuthDisplay, CoreAuthPrompt, CoreAuthenticationFlow, CoreErrorResponseType, CoreGenderClaim, CoreJsonWebKey,
    CoreJweContentEncryptionAlgorithm, CoreJwsSigningAlgorithm, CoreProviderMetadata, CoreRevocableToken,
    CoreRevocationErrorResponse, CoreTokenIntrospectionResponse, CoreTokenType,
};
use openidconnect::{
    AccessTokenHash, AdditionalClaims, AuthorizationCode, Client, ClientId, ClientSecret, CsrfToken,
    EmptyExtraTokenFields, EndpointMaybeSet, EndpointNotSet, EndpointSet, HttpRequest, HttpResponse, IdTokenFields,
    IssuerUrl, Nonce, OAuth2TokenResponse, PkceCodeChallenge, PkceCodeVerifier, RedirectUrl, Scope,
    StandardErrorResponse, StandardTokenResponse, TokenResponse, UserInfoClaims,
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use url::{Host, Url};

use crate::tokens::Role;

/// Where the provider sends the browser back to, on this server.
pub const CALLBACK: &str = "/api/login/openid/callback";
/// One request to the provider takes at most so long.
const TIMEOUT: Duration = Duration::from_secs(10);
/// The most bytes of one answer of the provider.
const MOST_BYTES: u64 = 1 << 20;
/// Whoever the provider knows, in place of a value of the role claim.
const ANYONE: &str = "*";
/// The claim that counts only if the provider has checked it.
const EMAIL: &str = "email";

/// How a provider is asked, and what its answers mean here.
#[derive(Debug, Clone)]
pub struct OpenIdSettings {
    /// Its address, as its tokens name it.
    pub issuer: Url,
    /// The name of this server there.
    pub client_id: String,
    /// What this server proves that it is itself with; none for a public client.
    pub client_secret: Option<Secret>,
    /// The address of this server, as browsers know it.
    pub site: Url,
    /// What people call the provider.
    pub name: String,
    /// The claim whose values give roles: a name, or names with dots between them that lead into objects.
    pub role_claim: String,
    /// Which value gives which role; the greatest of all counts.
    pub roles: Vec<RoleRule>,
    /// What is asked for beside `openid`.
    pub scopes: Vec<String>,
}

/// A text that is in no log.
#[derive(Clone)]
pub struct Secret(String);

impl Secret {
    /// Keeps it.
    pub fn new(text: String) -> Self {
        Self(text)
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// A value of the role claim, and the role that it gives: `weir-admins=admin`; `*=viewer` for whoever the provider knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoleRule {
    value: String,
    role: Role,
}

impl FromStr for RoleRule {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        // Names of groups may have the sign in them; roles do not.
        let (value, role) = text.rsplit_once('=').unwrap_or((text, ""));
        let role = match role {
            "viewer" => Role::Viewer,
            "editor" => Role::Editor,
            "admin" => Role::Admin,
            _ => {
                return Err(
                    "expected VALUE=ROLE with the role viewer, editor or admin, such as staff=viewer".to_owned()
                );
            }
        };
        let value = value.trim();
        if value.is_empty() {
            return Err("the value before `=` is empty; `*` is whoever the provider knows".to_owned());
        }
        Ok(Self { value: value.to_owned(), role })
    }
}

/// Whom a provider knows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Person {
    /// What the provider tells them from others by, for good.
    pub subject: String,
    /// What they are called.
    pub name: String,
    /// Their address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// The values of the role claim that some rule has.
    pub holds: Vec<String>,
}

/// A login that has begun, and what its end needs.
#[derive(Debug, Serialize, Deserialize)]
pub struct Pending {
    /// Comes back with the browser.
    pub state: String,
    /// Comes back in the token.
    nonce: String,
    /// Proves that who brings the code is who asked for it.
    verifier: String,
}

/// Why a login comes to nothing.
#[derive(Debug, thiserror::Error)]
pub enum OpenIdError {
    /// It does not answer, or with something else than it should.
    #[error("the provider of OpenID Connect: {0}")]
    Provider(String),
    /// What it says of the person cannot be trusted.
    #[error("the ID token: {0}")]
    Token(String),
}

/// A provider of OpenID Connect.
#[derive(Debug, Clone)]
pub struct OpenId {
    settings: Arc<OpenIdSettings>,
    issuer: IssuerUrl,
    redirect: RedirectUrl,
}

/// Claims that the standard does not name.
#[derive(Debug, Clone, Default, Deserialize, Serialize)]
struct OtherClaims(Map<String, Value>);

impl AdditionalClaims for OtherClaims {}

type Fields = IdTokenFields<
    OtherClaims,
    EmptyExtraTokenFields,
    CoreGenderClaim,
    CoreJweContentEncryptionAlgorithm,
    CoreJwsSigningAlgorithm,
>;
type Tokens = StandardTokenResponse<Fields, CoreTokenType>;
type Party = Client<
    OtherClaims,
    CoreAuthDisplay,
    CoreGenderClaim,
    CoreJweContentEncryptionAlgorithm,
    CoreJsonWebKey,
    CoreAuthPrompt,
    StandardErrorResponse<CoreErrorResponseType>,
    Tokens,
    CoreTokenIntrospectionResponse,
    CoreRevocableToken,
    CoreRevocationErrorResponse,
    EndpointSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointMaybeSet,
    EndpointMaybeSet,
>;

impl OpenId {
    /// The provider of these settings.
    ///
    /// # Errors
    /// What is wrong with the addresses.
    pub fn new(settings: OpenIdSettings) -> Result<Self, String> {
        if !is_safe(&settings.issuer) {
            return Err(format!("the issuer {} is not asked over HTTPS, and is not this machine", settings.issuer));
        }
        // Issuers are compared letter by letter, and a URL without a path is written with a slash that they mostly do not have.
        let issuer = settings.issuer.as_str();
        let issuer = if settings.issuer.path() == "/" { issuer.trim_end_matches('/') } else { issuer };
        let issuer = IssuerUrl::new(issuer.to_owned()).map_err(|error| error.to_string())?;
        let redirect = settings.site.join(CALLBACK).map_err(|error| error.to_string())?;
        Ok(Self { settings: Arc::new(settings), issuer, redirect: RedirectUrl::from_url(redirect) })
    }

    /// What people call it.
    pub fn name(&self) -> &str {
        &self.settings.name
    }

    /// The greatest role that any rule gives somebody; `None`: no rule is theirs.
    pub fn role_of(&self, person: &Person) -> Option<Role> {
        let is_theirs = |rule: &&RoleRule| rule.value == ANYONE || person.holds.contains(&rule.value);
        self.settings.roles.iter().filter(is_theirs).map(|rule| rule.role).max()
    }

    /// Asks the provider what it is.
    ///
    /// # Errors
    /// [`OpenIdError::Provider`].
    pub async fn reach(&self) -> Result<(), OpenIdError> {
        self.party().await.map(drop)
    }

    /// Begins a login: where the browser goes, and what its end needs.
    ///
    /// # Errors
    /// [`OpenIdError::Provider`].
    pub async fn begin(&self) -> Result<(Url, Pending), OpenIdError> {
        let party = self.party().await?;
        let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
        let flow = CoreAuthenticationFlow::AuthorizationCode;
        let mut request = party.authorize_url(flow, CsrfToken::new_random, Nonce::new_random);
        for scope in &self.settings.scopes {
            request = request.add_scope(Scope::new(scope.clone()));
        }
        let (url, state, nonce) = request.set_pkce_challenge(challenge).url();
        let verifier = verifier.into_secret();
        Ok((url, Pending { state: state.into_secret(), nonce: nonce.secret().clone(), verifier }))
    }

    /// Ends a login with the code that the browser brought.
    ///
    /// # Errors
    /// [`OpenIdError::Provider`] where it does not take the code; [`OpenIdError::Token`] where its answer is not to be trusted.
    pub async fn finish(&self, pending: Pending, code: String) -> Result<Person, OpenIdError> {
        let party = self.party().await?;
        let exchange = party.exchange_code(AuthorizationCode::new(code)).map_err(provider)?;
        let exchange = exchange.set_pkce_verifier(PkceCodeVerifier::new(pending.verifier));
        let tokens = exchange.request_async(&call).await.map_err(provider)?;
        let id_token = tokens.id_token().ok_or_else(|| OpenIdError::Token("the provider gave none".to_owned()))?;
        let verifier = party.id_token_verifier();
        let claims = id_token.claims(&verifier, &Nonce::new(pending.nonce)).map_err(token)?;
        if let Some(expected) = claims.access_token_hash() {
            let (algorithm, key) =
                (id_token.signing_alg().map_err(token)?, id_token.signing_key(&verifier).map_err(token)?);
            let hash = AccessTokenHash::from_token(tokens.access_token(), algorithm, key).map_err(token)?;
            if hash != *expected {
                return Err(OpenIdError::Token("it came with another access token".to_owned()));
            }
        }
        let mut told = object(serde_json::to_value(claims).map_err(token)?);
        // Some providers keep groups, and some even names, out of the token.
        let is_short = self.values(&told).is_empty() || named(&told).is_none();
        if is_short && let Ok(request) = party.user_info(tokens.access_token().clone(), Some(claims.subject().clone()))
        {
            let more: UserInfoClaims<OtherClaims, CoreGenderClaim> =
                request.request_async(&call).await.map_err(provider)?;
            for (name, value) in object(serde_json::to_value(more).map_err(token)?) {
                told.entry(name).or_insert(value);
            }
        }
        Ok(self.person(claims.subject().as_str(), &told))
    }

    async fn party(&self) -> Result<Party, OpenIdError> {
        let metadata = CoreProviderMetadata::discover_async(self.issuer.clone(), &call).await.map_err(provider)?;
        let secret = self.settings.client_secret.clone().map(|Secret(text)| ClientSecret::new(text));
        let party = Party::from_provider_metadata(metadata, ClientId::new(self.settings.client_id.clone()), secret);
        Ok(party.set_redirect_uri(self.redirect.clone()))
    }

    /// What is kept of somebody.
    fn person(&self, subject: &str, claims: &Map<String, Value>) -> Person {
        let text = |name: &str| claims.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
        let mut holds = self.values(claims);
        holds.retain(|value| self.settings.roles.iter().any(|rule| rule.value == *value));
        let name = named(claims).unwrap_or(subject);
        Person { subject: subject.to_owned(), name: name.to_owned(), email: text(EMAIL).map(str::to_owned), holds }
    }

    /// The values of the role claim.
    fn values(&self, claims: &Map<String, Value>) -> Vec<String> {
        let name = self.settings.role_claim.as_str();
        // Whoever may write any address into their account has no role by it.
        if name == EMAIL && claims.get("email_verified") != Some(&Value::Bool(true)) {
            return Vec::new();
        }
        let mut found = claims.get(name);
        if found.is_none() {
            let mut parts = name.split('.');
            let first = parts.next().and_then(|part| claims.get(part));
            found = parts.fold(first, |at, part| at?.get(part));
        }
        match found {
            Some(Value::Array(values)) => values.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
            Some(Value::String(value)) => vec![value.clone()],
            _ => Vec::new(),
        }
    }
}

/// What people call somebody.
fn named(claims: &Map<String, Value>) -> Option<&str> {
    let texts = ["name", "preferred_username", EMAIL].into_iter().filter_map(|name| claims.get(name)?.as_str());
    texts.map(str::trim).find(|text| !text.is_empty())
}

fn object(value: Value) -> Map<String, Value> {
    if let Value::Object(fields) = value { fields } else { Map::new() }
}

/// With all its causes, since the first one often says only that something failed.
fn provider(error: impl std::error::Error) -> OpenIdError {
    OpenIdError::Provider(with_causes(&error))
}

fn token(error: impl std::error::Error) -> OpenIdError {
    OpenIdError::Token(with_causes(&error))
}

fn with_causes(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source()).map(ToString::to_string);
    causes.collect::<Vec<_>>().join(": ")
}

/// Over HTTPS, or on this machine.
fn is_safe(url: &Url) -> bool {
    let is_here = match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    url.scheme() == "https" || (url.scheme() == "http" && is_here)
}

/// What keeps a request from its answer.
#[derive(Debug, thiserror::Error)]
enum CallError {
    #[error(transparent)]
    Http(#[from] ureq::Error),
    #[error("`{0}` is not asked over HTTPS")]
    InTheClear(String),
    #[error(transparent)]
    Ended(#[from] tokio::task::JoinError),
}

/// One request to the provider. No redirect is followed: it would lead wherever somebody else says.
async fn call(request: HttpRequest) -> Result<HttpResponse, CallError> {
    let url = request.uri().to_string();
    if !Url::parse(&url).is_ok_and(|url| is_safe(&url)) {
        return Err(CallError::InTheClear(url));
    }
    tokio::task::spawn_blocking(move || {
        let config = ureq::Agent::config_builder()
            .timeout_global(Some(TIMEOUT))
            .max_redirects(0)
            .max_redirects_will_error(false)
            .http_status_as_error(false)
            .user_agent(concat!("weir/", env!("CARGO_PKG_VERSION")));
        let agent = ureq::Agent::from(config.build());
        let response = if request.body().is_empty() { agent.run(request.map(drop)) } else { agent.run(request) }?;
        let (parts, mut body) = response.into_parts();
        let body = body.with_config().limit(MOST_BYTES).read_to_vec()?;
        Ok(HttpResponse::from_parts(parts, body))
    })
    .await?
}

#[cfg(test)]
#[path = "openid_tests.rs"]
mod tests;
