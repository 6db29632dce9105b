//! What a person is told when a command fails, and the exit code that a script sees.

use std::fmt;
use std::io;

use weir_core::spec::{ShorthandError, SpecError, SpecProblem};
use weir_lake::{LakeError, StoreError};

use crate::checks::CheckError;
use crate::engine::EngineError;
use crate::failed::IdProblem;
use crate::saved::SavedError;

/// Why a command stopped.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Failure {
    /// What the exit code tells.
    pub exit: Exit,
    /// Lower case; names the thing, what was found and what to do.
    pub message: String,
    /// The flag or command that helps, where there is one.
    pub hint: Option<String>,
}

/// The exit codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Whoever read the results has read enough, as `head` does: silent, and no failure.
    EnoughRead,
    /// Something could not be done.
    Failed,
    /// The command line or the question cannot be understood.
    Usage,
}

impl Exit {
    /// As the shell sees it.
    pub fn code(self) -> u8 {
        match self {
            Self::EnoughRead => 0,
            Self::Failed => 1,
            Self::Usage => 2,
        }
    }
}

impl Failure {
    /// Something could not be done.
    pub fn failed(message: impl fmt::Display) -> Self {
        Self { exit: Exit::Failed, message: message.to_string(), hint: None }
    }

    /// The command line or the question cannot be understood.
    pub fn usage(message: impl fmt::Display) -> Self {
        Self { exit: Exit::Usage, message: message.to_string(), hint: None }
    }

    /// Nobody reads the results any more.
    pub fn enough_read() -> Self {
        Self { exit: Exit::EnoughRead, message: "the reader of the results has gone".to_owned(), hint: None }
    }

    /// Adds what helps.
    #[must_use]
    pub fn hint(self, hint: impl fmt::Display) -> Self {
        Self { hint: Some(hint.to_string()), ..self }
    }
}

impl From<LakeError> for Failure {
    fn from(error: LakeError) -> Self {
        Self::failed(error)
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::failed(error)
    }
}

impl From<SpecError> for Failure {
    fn from(error: SpecError) -> Self {
        match error.problems.as_slice() {
            [one] => Self::usage(one),
            problems => {
                // A problem of several lines, such as that of a regular expression, stays one item of the list.
                let line = |problem: &SpecProblem| format!("\n  {}", problem.to_string().replace('\n', "\n    "));
                let lines: String = problems.iter().map(line).collect();
                Self::usage(format!("the question has {} problems:{lines}", problems.len()))
            }
        }
    }
}

impl From<ShorthandError> for Failure {
    fn from(error: ShorthandError) -> Self {
        Self::usage(error)
    }
}

impl From<EngineError> for Failure {
    fn from(error: EngineError) -> Self {
        match error {
            EngineError::Lake(error) => error.into(),
            EngineError::Spec(error) => error.into(),
            EngineError::Sql(message) => Self::usage(message),
            EngineError::Memory(_) => {
                Self::failed(error).hint("allow more with --max-memory, such as --max-memory 4GiB")
            }
            other => Self::failed(other),
        }
    }
}

impl From<CheckError> for Failure {
    fn from(error: CheckError) -> Self {
        match error {
            CheckError::Store(error) => error.into(),
            CheckError::Saved(error) => error.into(),
            CheckError::NoCheck(_) => Self::failed(error),
        }
    }
}

impl From<SavedError> for Failure {
    fn from(error: SavedError) -> Self {
        match error {
            SavedError::Store(error) => error.into(),
            SavedError::Content(error) => error.into(),
            other => Self::failed(other),
        }
    }
}

impl From<IdProblem> for Failure {
    fn from(problem: IdProblem) -> Self {
        let list = "list them with `weir failed list --each`";
        match problem {
            IdProblem::Lake(error) => error.into(),
            IdProblem::Empty => Self::usage(problem).hint(list),
            IdProblem::None(_) => Self::failed(problem).hint(list),
            IdProblem::Several { .. } => Self::failed(problem).hint(format!("give more of the id; {list}")),
        }
    }
}

/// For what the system refuses in general. A broken pipe is a failure here: only [`crate::output`] knows whether the
/// pipe was that of the results.
impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::failed(error)
    }
}

#[cfg(test)]
mod tests {
    use weir_core::spec;

    use super::*;

    #[test]
    fn a_question_is_refused_with_all_its_problems() {
        let refuse = |json: &str| Failure::from(spec::parse(json, 0).unwrap_err());
        let one = refuse(r#"{"kind": "funnel", "steps": [{"event": "a"}], "widnow": "1d"}"#);
        assert_eq!(
            (one.exit.code(), one.message.as_str()),
            (2, "widnow: unknown field `widnow`; did you mean `window`?")
        );
        let two = refuse(r#"{"kind": "funnel", "steps": [], "widnow": "1d"}"#);
        insta::assert_snapshot!(two, @r#"
        the question has 2 problems:
          widnow: unknown field `widnow`; did you mean `window`?
          steps: found 0 steps; expected a list of 1 to 64 steps, such as [{"event": "view_item"}, {"event": "purchase"}]
        "#);
    }

    #[test]
    fn a_lake_that_is_not_there_is_a_failure_and_not_a_usage_error() {
        let failure = Failure::from(EngineError::Lake(StoreError::NoLake { url: "x".to_owned() }.into()));
        assert_eq!(failure.exit.code(), 1);
        assert!(failure.message.contains("weir import FILE --lake x"), "{failure}");
    }
}
