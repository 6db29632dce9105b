//! What S3 refused or failed to do: named with bucket, key and S3's own code, and with what to do about it.
//!
//! ```text
//! cannot read `s3://shop-lake/events/_delta_log/00000000000000000007.json`: AccessDenied (status 403), Access Denied;
//! allow s3:GetObject and s3:ListBucket to the credentials in use
//! ```

use std::error::Error;

use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use object_store::path::Path;

use super::{Place, S3};

/// What was asked of S3.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Action {
    Read,
    Write,
    Delete,
    List,
    Copy,
}

impl Action {
    fn verb(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Delete => "delete",
            Self::List => "list",
            Self::Copy => "copy",
        }
    }

    /// The permissions that it takes. Without that to list, S3 says of what is not there that it may not be read.
    fn permissions(self) -> &'static str {
        match self {
            Self::Read => "s3:GetObject and s3:ListBucket",
            Self::Write => "s3:PutObject",
            Self::Delete => "s3:DeleteObject",
            Self::List => "s3:ListBucket",
            Self::Copy => "s3:GetObject and s3:PutObject",
        }
    }
}

/// What an error means to who asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// There is no such object.
    NotFound,
    /// There is an object of that name already, or one that the condition rules out.
    Taken,
    /// The object is the one that the caller has.
    NotModified,
    /// The object is shorter than what was asked for.
    OutOfRange,
    /// Another conditional request for the object was under way.
    Busy,
    /// The credentials do not allow it.
    Denied,
    /// There are no credentials, or they are no longer good.
    Unauthenticated,
    /// No answer, or that S3 failed: a write may have been carried out.
    Unknown,
    /// Anything else: nothing was done.
    Refused,
}

/// What S3 did not do.
#[derive(Debug, thiserror::Error)]
#[error("cannot {verb} `s3://{bucket}/{key}`: {said}{advice}")]
pub struct S3Error {
    pub(super) kind: Kind,
    verb: &'static str,
    bucket: String,
    key: String,
    said: String,
    advice: String,
}

impl S3Error {
    pub(super) fn new<E>(action: Action, place: &Place, key: String, error: &SdkError<E, HttpResponse>) -> Self
    where
        E: ProvideErrorMetadata + Error + 'static,
    {
        let response = error.raw_response();
        let status = response.map(|response| response.status().as_u16());
        let found = Found {
            action,
            status,
            code: error.code(),
            region: response.and_then(|response| response.headers().get("x-amz-bucket-region")),
            chain: chain(error),
        };
        Self {
            kind: found.kind(),
            verb: action.verb(),
            bucket: place.bucket.clone(),
            key,
            said: found.said(error.message()),
            advice: found.advice().map(|advice| format!("; {advice}")).unwrap_or_default(),
        }
    }

    /// An answer that is none, such as a body that ends early.
    pub(super) fn broken(action: Action, place: &Place, key: String, said: String) -> Self {
        let advice = "; check the connection, and try again".to_owned();
        let bucket = place.bucket.clone();
        Self { kind: Kind::Unknown, verb: action.verb(), bucket, key, said, advice }
    }

    /// As the error of an object store.
    pub(super) fn at(self, location: &Path) -> object_store::Error {
        use object_store::Error as Store;
        let path = location.to_string();
        match self.kind {
            Kind::NotFound => Store::NotFound { path, source: self.into() },
            Kind::Taken if self.verb == Action::Write.verb() => self.taken(location),
            Kind::Taken => Store::Precondition { path, source: self.into() },
            Kind::NotModified => Store::NotModified { path, source: self.into() },
            Kind::Denied => Store::PermissionDenied { path, source: self.into() },
            Kind::Unauthenticated => Store::Unauthenticated { path, source: self.into() },
            Kind::Busy | Kind::OutOfRange | Kind::Unknown | Kind::Refused => {
                Store::Generic { store: "S3", source: self.into() }
            }
        }
    }

    /// Whether the object is there and can be read, but is shorter than what was asked for.
    pub fn is_out_of_range(&self) -> bool {
        self.kind == Kind::OutOfRange
    }

    /// Says that the object may have been written all the same.
    pub(super) fn in_doubt(mut self) -> Self {
        self.advice.push_str("; whether it was written is not known");
        self
    }

    /// That there is another object of that name.
    pub(super) fn taken(self, location: &Path) -> object_store::Error {
        object_store::Error::AlreadyExists { path: location.to_string(), source: self.into() }
    }
}

impl S3 {
    pub(super) fn failed<E>(
        &self,
        action: Action,
        location: &Path,
        error: &SdkError<E, HttpResponse>,
    ) -> object_store::Error
    where
        E: ProvideErrorMetadata + Error + 'static,
    {
        S3Error::new(action, &self.place, self.key(location), error).at(location)
    }
}

/// What is known of a request that did not succeed.
struct Found<'a> {
    action: Action,
    status: Option<u16>,
    code: Option<&'a str>,
    /// Where the bucket is, if S3 says that it is elsewhere.
    region: Option<&'a str>,
    chain: String,
}

impl Found<'_> {
    fn kind(&self) -> Kind {
        match (self.status, self.code) {
            (_, Some("NoSuchKey")) => Kind::NotFound,
            (_, Some("NoSuchBucket")) => Kind::Refused,
            // The answer to HEAD has no body, and so no code of S3's own.
            (Some(404), None | Some("NotFound")) => Kind::NotFound,
            (Some(412), _) => Kind::Taken,
            (Some(304), _) => Kind::NotModified,
            (Some(409), _) => Kind::Busy,
            (Some(416), _) => Kind::OutOfRange,
            (_, Some("InvalidAccessKeyId" | "SignatureDoesNotMatch" | "ExpiredToken" | "InvalidToken"))
            | (Some(401), _) => Kind::Unauthenticated,
            (Some(403), _) => Kind::Denied,
            (Some(408 | 429 | 500..), _) | (Some(200..300), _) => Kind::Unknown,
            (_, Some("RequestTimeout")) => Kind::Unknown,
            (Some(_), _) => Kind::Refused,
            (None, _) if self.lacks_credentials() => Kind::Unauthenticated,
            (None, _) => Kind::Unknown,
        }
    }

    fn lacks_credentials(&self) -> bool {
        self.status.is_none() && self.chain.contains("credentials")
    }

    fn said(&self, message: Option<&str>) -> String {
        match (self.code, self.status) {
            (Some(code), Some(status)) => {
                let message = message.filter(|message| !message.is_empty()).map(|m| format!(", {m}"));
                format!("{code} (status {status}){}", message.unwrap_or_default())
            }
            (None, Some(status)) => format!("status {status}"),
            (_, None) => self.chain.clone(),
        }
    }

    fn advice(&self) -> Option<String> {
        if let (Some(300..400), Some(region)) | (Some(400), Some(region)) = (self.status, self.region) {
            return Some(format!("the bucket is in {region}: set AWS_REGION={region}"));
        }
        let advice = match (self.code, self.status) {
            (Some("NoSuchBucket"), _) => "make the bucket, or correct its name",
            (Some("PermanentRedirect" | "AuthorizationHeaderMalformed"), _) | (_, Some(301 | 307)) => {
                "set AWS_REGION to the region of the bucket"
            }
            (Some("InvalidAccessKeyId" | "SignatureDoesNotMatch"), _) => {
                "check AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
            }
            (Some("ExpiredToken" | "InvalidToken"), _) => "get new credentials, such as with `aws sso login`",
            (Some("RequestTimeTooSkewed"), _) => "set the clock of this machine",
            (_, Some(403)) => {
                return Some(format!("allow {} to the credentials in use", self.action.permissions()));
            }
            (_, Some(408 | 429 | 500..)) => "S3 is overloaded or failing: try again later",
            (_, None) if self.lacks_credentials() => {
                "set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or give this machine a role"
            }
            (_, None) => "check the network, AWS_REGION and AWS_ENDPOINT_URL",
            _ => return None,
        };
        Some(advice.to_owned())
    }
}

/// An error and its causes, in one line.
pub(super) fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let said = error.to_string();
        if !text.contains(&said) {
            text.push_str(": ");
            text.push_str(&said);
        }
        cause = error.source();
    }
    text
}

#[cfg(test)]
#[path = "error_tests.rs"]
mod tests;
