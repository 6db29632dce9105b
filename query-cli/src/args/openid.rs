//! What `weir serve` is told of a provider of OpenID Connect.

use clap::Args;
use url::Url;

use crate::error::Failure;
use crate::openid::{OpenIdSettings, RoleRule, Secret};

/// A provider by which people log in. Each is a variable, too: a function has no command line.
#[derive(Debug, Args)]
#[command(next_help_heading = "OpenID Connect")]
pub struct OpenIdArgs {
    /// The provider: its address as its tokens name it.
    #[arg(
        long = "openid-issuer",
        value_name = "URL",
        env = "WEIR_OPENID_ISSUER",
        hide_env_values = true,
        value_parser = address,
        help = "Let people log in with this provider, such as https://login.example/realms/acme: its address as its tokens name it"
    )]
    pub issuer: Option<Url>,

    /// The name of this server at the provider; its secret, if it has one, is WEIR_OPENID_CLIENT_SECRET
    #[arg(
        long = "openid-client",
        value_name = "ID",
        env = "WEIR_OPENID_CLIENT_ID",
        hide_env_values = true,
        requires = "issuer"
    )]
    pub client_id: Option<String>,

    /// What this server proves that it is itself with.
    #[arg(long = "openid-client-secret", env = "WEIR_OPENID_CLIENT_SECRET", hide = true, hide_env_values = true)]
    pub client_secret: Option<String>,

    /// The claim whose values give roles; dots lead into objects. `email` counts where the provider has checked it
    #[arg(
        long = "openid-role-claim",
        value_name = "CLAIM",
        env = "WEIR_OPENID_ROLE_CLAIM",
        hide_env_values = true,
        default_value = "groups",
        requires = "issuer"
    )]
    pub role_claim: String,

    /// Who has this value of that claim has this role, such as analysts=editor; `*=viewer` is whoever the provider knows. Once
    /// for each, or with commas between them; nobody else gets in
    #[arg(
        long = "openid-role",
        value_name = "VALUE=ROLE",
        env = "WEIR_OPENID_ROLES",
        hide_env_values = true,
        value_delimiter = ',',
        requires = "issuer"
    )]
    pub roles: Vec<RoleRule>,

    /// Ask the provider for this, too; once for each [default: profile and email]
    #[arg(
        long = "openid-scope",
        value_name = "SCOPE",
        env = "WEIR_OPENID_SCOPES",
        hide_env_values = true,
        value_delimiter = ',',
        requires = "issuer"
    )]
    pub scopes: Vec<String>,

    /// What people call the provider [default: the host of its address]
    #[arg(
        long = "openid-name",
        value_name = "NAME",
        env = "WEIR_OPENID_NAME",
        hide_env_values = true,
        requires = "issuer"
    )]
    pub name: Option<String>,
}

impl OpenIdArgs {
    /// The settings of the provider, where there is one, for a server that browsers know by this address.
    ///
    /// # Errors
    /// What is missing beside it.
    pub fn settings(&self, site: Option<&Url>) -> Result<Option<OpenIdSettings>, Failure> {
        // A variable that is set to nothing is as good as none.
        let text = |given: &Option<String>| given.clone().filter(|text| !text.is_empty());
        let Some(issuer) = self.issuer.clone() else { return Ok(None) };
        let missing = |what: &str, hint: &str| Failure::usage(format!("--openid-issuer needs {what}")).hint(hint);
        let client_id = text(&self.client_id).ok_or_else(|| {
            missing(
                "--openid-client",
                "register this server with the provider, and take the id of the client that it gives",
            )
        })?;
        let site = site.cloned().ok_or_else(|| {
            missing("--url", "say under which address browsers reach this server, such as https://weir.example")
        })?;
        if self.roles.is_empty() {
            let hint = "such as --openid-role weir-admins=admin --openid-role '*=viewer'";
            return Err(missing("--openid-role, else nobody gets in", hint));
        }
        let scopes =
            if self.scopes.is_empty() { vec!["profile".to_owned(), "email".to_owned()] } else { self.scopes.clone() };
        let name = text(&self.name).or_else(|| issuer.host_str().map(str::to_owned)).unwrap_or_default();
        Ok(Some(OpenIdSettings {
            issuer,
            client_id,
            client_secret: text(&self.client_secret).map(Secret::new),
            site,
            name,
            role_claim: self.role_claim.clone(),
            roles: self.roles.clone(),
            scopes,
        }))
    }
}

/// The address of a site.
pub(super) fn address(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.host().is_some());
    url.filter(|url| url.query().is_none() && url.fragment().is_none())
        .ok_or_else(|| "expected an address such as https://weir.example".to_owned())
}
