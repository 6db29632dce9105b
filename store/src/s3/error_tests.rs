use super::*;

fn found(action: Action, status: u16, code: Option<&'static str>) -> Found<'static> {
    Found { action, status: Some(status), code, region: None, chain: String::new() }
}

fn nothing(chain: &str) -> Found<'static> {
    Found { action: Action::Read, status: None, code: None, region: None, chain: chain.to_owned() }
}

#[test]
fn an_answer_that_is_lost_or_a_failure_of_s3_leaves_it_open_what_became_of_a_write() {
    for status in [408, 429, 500, 503] {
        assert_eq!(found(Action::Write, status, Some("SlowDown")).kind(), Kind::Unknown, "{status}");
    }
    assert_eq!(found(Action::Write, 200, None).kind(), Kind::Unknown, "an answer that cannot be read");
    assert_eq!(found(Action::Write, 400, Some("RequestTimeout")).kind(), Kind::Unknown);
    assert_eq!(nothing("dispatch failure: connection reset").kind(), Kind::Unknown);
    assert_eq!(found(Action::Write, 403, Some("AccessDenied")).kind(), Kind::Denied);
    assert_eq!(found(Action::Write, 400, Some("EntityTooLarge")).kind(), Kind::Refused);
    assert_eq!(found(Action::Write, 412, Some("PreconditionFailed")).kind(), Kind::Taken);
    assert_eq!(found(Action::Write, 409, Some("ConditionalRequestConflict")).kind(), Kind::Busy);
}

#[test]
fn a_bucket_that_is_not_there_is_not_an_object_that_is_not_there() {
    assert_eq!(found(Action::Read, 404, Some("NoSuchKey")).kind(), Kind::NotFound);
    assert_eq!(found(Action::Read, 404, None).kind(), Kind::NotFound, "the answer to HEAD has no code");
    assert_eq!(found(Action::Read, 404, Some("NoSuchBucket")).kind(), Kind::Refused);
    assert_eq!(found(Action::Write, 404, Some("NoSuchUpload")).kind(), Kind::Refused);
}

#[test]
fn each_refusal_says_what_to_do() {
    let advice = |found: Found<'_>| found.advice().unwrap();
    assert_eq!(advice(found(Action::Write, 403, None)), "allow s3:PutObject to the credentials in use");
    assert!(advice(found(Action::Read, 403, Some("AccessDenied"))).contains("s3:GetObject and s3:ListBucket"));
    assert!(advice(found(Action::List, 404, Some("NoSuchBucket"))).contains("make the bucket"));
    assert!(advice(found(Action::Read, 400, Some("ExpiredToken"))).contains("new credentials"));
    assert!(advice(found(Action::Read, 403, Some("SignatureDoesNotMatch"))).contains("AWS_SECRET_ACCESS_KEY"));
    assert!(advice(found(Action::Read, 403, Some("RequestTimeTooSkewed"))).contains("clock"));
    let elsewhere = Found { region: Some("eu-west-1"), ..found(Action::List, 301, Some("PermanentRedirect")) };
    assert_eq!(advice(elsewhere), "the bucket is in eu-west-1: set AWS_REGION=eu-west-1");
    let none = nothing("dispatch failure: other: no providers in chain provided credentials");
    assert_eq!(none.kind(), Kind::Unauthenticated);
    assert!(advice(none).contains("set AWS_PROFILE"));
    assert!(advice(nothing("connection refused")).contains("AWS_ENDPOINT_URL"));
}

#[test]
fn an_error_names_the_object_the_code_and_the_remedy() {
    let place = Place { bucket: "shop".to_owned(), prefix: Path::from("lake") };
    let error = S3Error::broken(Action::Read, &place, "lake/x".to_owned(), "it ended".to_owned());
    assert_eq!(error.to_string(), "cannot read `s3://shop/lake/x`: it ended; check the connection, and try again");
    assert_eq!(found(Action::Read, 403, Some("AccessDenied")).said(Some("no")), "AccessDenied (status 403), no");
    assert_eq!(found(Action::Read, 404, None).said(None), "status 404");
}
