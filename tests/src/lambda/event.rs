//! Requests as events and answers as responses, payload format 2.0
//! (<https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html>,
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html>).

use std::collections::BTreeMap;

use axum::body::Body;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

use crate::now_ms;

/// What stands before a function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Door {
    /// A function URL.
    FunctionUrl,
    /// An HTTP API with the stage `$default`.
    HttpApi,
    /// An HTTP API with a stage of this name, which is the beginning of every path.
    HttpApiStage(&'static str),
}

/// The event of a request.
pub fn of_request(door: Door, parts: &Parts, body: &[u8]) -> Value {
    let path = parts.uri.path();
    let (stage, raw_path) = match door {
        Door::FunctionUrl | Door::HttpApi => ("$default", path.to_owned()),
        Door::HttpApiStage(stage) => (stage, format!("/{stage}{path}")),
    };
    let domain = match door {
        Door::FunctionUrl => "abcdefgh.lambda-url.us-east-1.on.aws",
        Door::HttpApi | Door::HttpApiStage(_) => "abcdefgh.execute-api.us-east-1.amazonaws.com",
    };
    let headers = headers(&parts.headers, domain);
    let (text, is_base64) = text_of(&headers, body);
    let query = parts.uri.query().unwrap_or_default();
    let user_agent = headers.get("user-agent").cloned().unwrap_or_default();
    let mut event = json!({
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": raw_path,
        "rawQueryString": query,
        "headers": headers,
        "requestContext": {
            "accountId": "123456789012",
            "apiId": "abcdefgh",
            "domainName": domain,
            "domainPrefix": "abcdefgh",
            "http": {
                "method": parts.method.as_str(),
                "path": raw_path,
                "protocol": "HTTP/1.1",
                "sourceIp": "203.0.113.7",
                "userAgent": user_agent,
            },
            "requestId": "JKJaXmPLvHcESHA=",
            "routeKey": "$default",
            "stage": stage,
            "time": "01/Jan/2026:00:00:00 +0000",
            "timeEpoch": now_ms(),
        },
        "isBase64Encoded": is_base64,
    });
    if !query.is_empty() {
        event["queryStringParameters"] = query_of(query);
    }
    if !body.is_empty() {
        event["body"] = Value::from(text);
    }
    event
}

/// Names in lower case, values of one name joined by commas. The host is the function's own.
fn headers(given: &HeaderMap, domain: &str) -> BTreeMap<String, String> {
    let mut headers = BTreeMap::<String, String>::new();
    for (name, value) in given {
        let value = String::from_utf8_lossy(value.as_bytes());
        let known = headers.entry(name.to_string()).or_default();
        if !known.is_empty() {
            known.push(',');
        }
        known.push_str(&value);
    }
    headers.insert("host".to_owned(), domain.to_owned());
    headers.insert("x-forwarded-for".to_owned(), "203.0.113.7".to_owned());
    headers.insert("x-forwarded-proto".to_owned(), "https".to_owned());
    headers
}

/// Bodies of types that are text come as they are, all others in base64.
fn text_of(headers: &BTreeMap<String, String>, body: &[u8]) -> (String, bool) {
    let kind = headers.get("content-type").map(String::as_str).unwrap_or_default();
    let is_text = ["text/", "application/json", "application/javascript", "application/xml"]
        .iter()
        .any(|text| kind.starts_with(text));
    let is_packed = headers.contains_key("content-encoding");
    match std::str::from_utf8(body) {
        Ok(text) if is_text && !is_packed => (text.to_owned(), false),
        _ => (STANDARD.encode(body), true),
    }
}

fn query_of(query: &str) -> Value {
    let pairs = query.split('&').map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    Value::Object(pairs.map(|(name, value)| (name.to_owned(), Value::from(value))).collect::<Map<_, _>>())
}

/// The response of an answer.
pub fn response_of(answer: &Value) -> Response {
    let status = answer["statusCode"].as_u64().and_then(|code| StatusCode::from_u16(u16::try_from(code).ok()?).ok());
    let Some(status) = status else {
        return (StatusCode::BAD_GATEWAY, format!("no status in {answer}")).into_response();
    };
    let text = answer["body"].as_str().unwrap_or_default();
    let body = match answer["isBase64Encoded"].as_bool() {
        Some(true) => STANDARD.decode(text).expect("an answer that says base64 is base64"),
        _ => text.as_bytes().to_owned(),
    };
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    for (name, value) in answer["headers"].as_object().into_iter().flatten() {
        let name = HeaderName::from_bytes(name.as_bytes()).expect("a header name");
        let value = HeaderValue::from_str(value.as_str().unwrap_or_default()).expect("a header value");
        // An answer in parts says its length as the function knew it; here it has come whole.
        if name != "content-length" && name != "transfer-encoding" {
            response.headers_mut().insert(name, value);
        }
    }
    for cookie in answer["cookies"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        response.headers_mut().append("set-cookie", HeaderValue::from_str(cookie).expect("a header value"));
    }
    response
}
