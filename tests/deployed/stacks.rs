//! The stacks of an environment: templates as CDK writes them, and what their references mean once the data stack is there.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use regex::Regex;
use serde_json::{Value, json};
use weir_tests::Scratch;
use weir_tests::aws::REGION;
use weir_tests::moto::Moto;

/// The environment that is written out in full, which whoever begins copies.
const ENVIRONMENT: &str = "example";
/// Relative to this package, where cargo runs tests.
const INFRA: &str = "../infra";

/// The compute stack, over a data stack that is there.
pub struct Stacks {
    compute: Value,
    /// What the data stack exports, by the names under which others import it.
    exports: BTreeMap<String, String>,
    /// What it tells people.
    outputs: BTreeMap<String, String>,
}

impl Stacks {
    /// Writes the templates, and makes the data stack.
    pub fn deploy() -> Self {
        let folder = Scratch::new();
        let written = Command::new("npm")
            .args(["run", "--silent", "synth", "--", ENVIRONMENT, &folder.lake(), "-c", "artifacts=test/placeholder"])
            .current_dir(INFRA)
            .output()
            .expect("npm runs");
        assert!(written.status.success(), "{}", String::from_utf8_lossy(&written.stderr));
        let template = |stack: &str| -> Value {
            let file = Path::new(&folder.lake()).join(format!("weir-{ENVIRONMENT}-{stack}.template.json"));
            serde_json::from_slice(&std::fs::read(file).expect("the template is there")).expect("it is JSON")
        };
        let name = format!("weir-{ENVIRONMENT}-data");
        let data = template("data");
        formation("CreateStack", &[("StackName", &name), ("TemplateBody", &data.to_string())]);
        make_secrets(&data);
        let told = formation("DescribeStacks", &[("StackName", &name)]);
        assert_eq!(all(&told, "StackStatus"), ["CREATE_COMPLETE"], "{told}");
        let outputs = all(&told, "OutputKey").into_iter().zip(all(&told, "OutputValue")).collect();
        let exported = formation("ListExports", &[]);
        let exports = all(&exported, "Name").into_iter().zip(all(&exported, "Value")).collect();
        Self { compute: template("compute"), exports, outputs }
    }

    /// An output of the data stack.
    pub fn output(&self, name: &str) -> &str {
        self.outputs.get(name).unwrap_or_else(|| panic!("there is no output `{name}`: {:?}", self.outputs))
    }

    /// The properties of the function whose name ends so.
    pub fn function(&self, name: &str) -> &Value {
        let has_name = |function: &&Value| function["FunctionName"].as_str().is_some_and(|found| found.ends_with(name));
        self.of_type("AWS::Lambda::Function").find(has_name).unwrap_or_else(|| panic!("there is no function `{name}`"))
    }

    /// The variables of a function, with all references resolved.
    pub fn variables(&self, function: &Value) -> Vec<(String, String)> {
        let variables = function["Environment"]["Variables"].as_object().expect("it has variables");
        variables.iter().map(|(name, value)| (name.clone(), self.resolve(value))).collect()
    }

    /// The properties of all resources of a type.
    pub fn of_type(&self, kind: &'static str) -> impl Iterator<Item = &Value> {
        let resources = self.compute["Resources"].as_object().expect("a template has resources").values();
        resources.filter(move |resource| resource["Type"] == kind).map(|resource| &resource["Properties"])
    }

    /// What a value of the template is.
    pub fn resolve(&self, value: &Value) -> String {
        if let Some(text) = value.as_str() {
            return match text.strip_prefix("{{resolve:secretsmanager:") {
                Some(rest) => secret(rest.split(':').next().expect("a name")),
                None => text.to_owned(),
            };
        }
        if let Some(name) = value["Fn::ImportValue"].as_str() {
            return self.exports.get(name).unwrap_or_else(|| panic!("nobody exports `{name}`")).clone();
        }
        if let Some([between, parts]) = value["Fn::Join"].as_array().map(Vec::as_slice) {
            let parts = parts.as_array().expect("parts").iter().map(|part| self.resolve(part));
            return parts.collect::<Vec<_>>().join(between.as_str().expect("a text"));
        }
        panic!("this is not known: {value}")
    }
}

/// Secrets of a template, which moto's CloudFormation passes over.
fn make_secrets(template: &Value) {
    let resources = template["Resources"].as_object().expect("a template has resources").values();
    for secret in resources.filter(|resource| resource["Type"] == "AWS::SecretsManager::Secret") {
        let properties = &secret["Properties"];
        let length = properties["GenerateSecretString"]["PasswordLength"].as_u64().expect("a length");
        let made = json!({"Name": properties["Name"], "SecretString": "k".repeat(usize::try_from(length).unwrap())});
        call("secretsmanager", Some("secretsmanager.CreateSecret"), made.to_string());
    }
}

fn secret(name: &str) -> String {
    let told = call("secretsmanager", Some("secretsmanager.GetSecretValue"), json!({"SecretId": name}).to_string());
    let told: Value = serde_json::from_str(&told).expect("it is JSON");
    told["SecretString"].as_str().unwrap_or_else(|| panic!("no secret in {told}")).to_owned()
}

fn formation(action: &str, parameters: &[(&str, &str)]) -> String {
    let mut form = format!("Action={action}&Version=2010-05-15");
    for (name, value) in parameters {
        form.push_str(&format!("&{name}={}", encoded(value)));
    }
    call("cloudformation", None, form)
}

/// One call to moto, which looks at no signature but at the service that it is for.
fn call(service: &str, target: Option<&str>, body: String) -> String {
    let credential = format!("Credential=test/20260101/{REGION}/{service}/aws4_request");
    let kind = if target.is_some() { "application/x-amz-json-1.1" } else { "application/x-www-form-urlencoded" };
    let request = ureq::post(Moto::shared().url())
        .config()
        .http_status_as_error(false)
        .build()
        .header("authorization", format!("AWS4-HMAC-SHA256 {credential}, SignedHeaders=host, Signature=none"))
        .header("x-amz-date", "20260101T000000Z")
        .header("content-type", kind);
    let request = target.iter().fold(request, |request, target| request.header("x-amz-target", *target));
    let mut answer = request.send(body).expect("moto answers");
    let text = answer.body_mut().read_to_string().expect("a text");
    assert!(answer.status().is_success(), "{service}: {text}");
    text
}

fn encoded(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    text.bytes().map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

/// Every value of an element of an answer.
fn all(xml: &str, element: &str) -> Vec<String> {
    let found = Regex::new(&format!("<{element}>([^<]*)</{element}>")).expect("a regular expression");
    found.captures_iter(xml).map(|captures| captures[1].to_owned()).collect()
}
