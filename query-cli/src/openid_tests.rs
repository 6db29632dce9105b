//! What a provider says, and what it means here. The protocol itself is tested in a browser, with a certified provider.

use serde_json::json;

use super::*;

fn provider_of(role_claim: &str, roles: &[&str]) -> OpenId {
    OpenId::new(OpenIdSettings {
        issuer: "https://id.example".parse().unwrap(),
        client_id: "weir".to_owned(),
        client_secret: None,
        site: "https://weir.example".parse().unwrap(),
        name: "Example".to_owned(),
        role_claim: role_claim.to_owned(),
        roles: roles.iter().map(|rule| rule.parse().unwrap()).collect(),
        scopes: Vec::new(),
    })
    .unwrap()
}

fn role(openid: &OpenId, claims: Value) -> Option<Role> {
    openid.role_of(&openid.person("s1", claims.as_object().unwrap()))
}

#[test]
fn the_greatest_role_of_all_groups_counts() {
    let openid = provider_of("groups", &["staff=viewer", "analysts=editor", "CN=Weir,O=x=admin"]);
    for (groups, expected) in [
        (json!(["staff"]), Some(Role::Viewer)),
        (json!(["staff", "analysts", "golf"]), Some(Role::Editor)),
        (json!(["CN=Weir,O=x"]), Some(Role::Admin)),
        (json!("staff"), Some(Role::Viewer)),
        (json!(["Staff"]), None),
        (json!(["*"]), None),
        (json!([]), None),
        (json!({"staff": true}), None),
        (json!(null), None),
    ] {
        assert_eq!(role(&openid, json!({"groups": groups})), expected, "{groups}");
    }
    assert_eq!(role(&openid, json!({"other": ["staff"]})), None);
}

#[test]
fn claims_are_found_under_their_whole_name_and_in_objects() {
    let roles = ["a=admin"];
    assert_eq!(role(&provider_of("cognito:groups", &roles), json!({"cognito:groups": ["a"]})), Some(Role::Admin));
    assert_eq!(
        role(&provider_of("realm_access.roles", &roles), json!({"realm_access": {"roles": ["a"]}})),
        Some(Role::Admin)
    );
    assert_eq!(
        role(&provider_of("https://x.example/roles", &roles), json!({"https://x.example/roles": ["a"]})),
        Some(Role::Admin)
    );
    assert_eq!(role(&provider_of("a.b", &roles), json!({"a": {"c": ["a"]}})), None);
}

#[test]
fn whoever_the_provider_knows_and_addresses_that_it_has_checked() {
    let openid = provider_of("email", &["ana@x.example=admin", "*=viewer"]);
    let claims = |verified: Value| json!({"email": "ana@x.example", "email_verified": verified});
    assert_eq!(role(&openid, claims(json!(true))), Some(Role::Admin));
    for unchecked in [json!(false), json!(null), json!("true"), json!(1)] {
        assert_eq!(role(&openid, claims(unchecked.clone())), Some(Role::Viewer), "{unchecked}");
    }
    assert_eq!(role(&openid, json!({"email": "ana@x.example"})), Some(Role::Viewer));
}

#[test]
fn somebody_is_called_by_their_name_and_little_is_kept() {
    let openid = provider_of("groups", &["staff=viewer"]);
    let person = |claims: Value| openid.person("s1", claims.as_object().unwrap());
    let ana = person(json!({"name": "Ana", "email": "ana@x.example", "groups": ["staff", "golf"]}));
    let expected = r#"{"subject":"s1","name":"Ana","email":"ana@x.example","holds":["staff"]}"#;
    assert_eq!(serde_json::to_string(&ana).unwrap(), expected);
    assert_eq!(person(json!({"name": " ", "preferred_username": "ana"})).name, "ana");
    assert_eq!(person(json!({"email": "ana@x.example"})).name, "ana@x.example");
    assert_eq!(person(json!({})).name, "s1");
}

#[test]
fn rules_are_read_from_the_end() {
    for wrong in ["", "staff", "staff=", "staff=owner", "=viewer", " =viewer", "staff=Viewer"] {
        assert!(wrong.parse::<RoleRule>().is_err(), "{wrong}");
    }
    assert_eq!("a=b=admin".parse::<RoleRule>().unwrap().value, "a=b");
}

#[test]
fn providers_are_asked_over_https_or_on_this_machine() {
    let mut settings = (*provider_of("groups", &[]).settings).clone();
    for (issuer, is_taken) in [
        ("https://id.example/realms/x", true),
        ("http://127.0.0.1:9000", true),
        ("http://localhost:9000", true),
        ("http://id.example", false),
        ("http://127.0.0.1.evil.example", false),
        ("ftp://id.example", false),
    ] {
        settings.issuer = issuer.parse().unwrap();
        assert_eq!(OpenId::new(settings.clone()).is_ok(), is_taken, "{issuer}");
    }
    settings.issuer = "https://id.example".parse().unwrap();
    assert_eq!(OpenId::new(settings.clone()).unwrap().issuer.as_str(), "https://id.example");
    settings.issuer = "https://id.example/x/".parse().unwrap();
    assert_eq!(OpenId::new(settings).unwrap().issuer.as_str(), "https://id.example/x/");
    assert!(!format!("{:?}", Secret::new("abc".to_owned())).contains("abc"));
}

#[tokio::test]
async fn a_provider_that_is_not_there_is_said_to_be() {
    let mut settings = (*provider_of("groups", &[]).settings).clone();
    // A port that nobody listens on: it was free a moment ago.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    settings.issuer = format!("http://127.0.0.1:{port}").parse().unwrap();
    let error = OpenId::new(settings).unwrap().reach().await.unwrap_err();
    let text = error.to_string();
    assert!(text.starts_with("the provider of OpenID Connect: ") && text.contains("refused"), "{text}");
}
