use super::*;

fn corpus() -> impl Iterator<Item = (Agent, &'static str)> {
    let lines = include_str!("../../testdata/user-agents.tsv").lines().filter(|line| !line.starts_with('#'));
    lines.map(|line| {
        let [browser, browser_version, os, os_version, device, text]: [&str; 6] =
            line.split('\t').collect::<Vec<_>>().try_into().unwrap_or_else(|_| panic!("six columns: {line}"));
        let filled = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        let product = |name: &str, version: &str| filled(name).map(|name| Product { name, version: filled(version) });
        let devices = [Device::Desktop, Device::Mobile, Device::Tablet, Device::Bot, Device::Other];
        let found = devices.into_iter().find(|known| known.name() == device);
        assert_eq!(found.is_some(), !device.is_empty(), "{line}");
        (Agent { browser: product(browser, browser_version), os: product(os, os_version), device: found }, text)
    })
}

#[test]
fn agents_are_read_as_the_table_says() {
    let agents = Agents::default();
    let mut read = 0;
    for (expected, text) in corpus() {
        assert_eq!(*agents.read(text), expected, "{text}");
        assert_eq!(agents.read(text).is_bot(), expected.device == Some(Device::Bot));
        read += 1;
    }
    assert!(read > 60, "{read}");
}

#[test]
fn an_agent_is_read_once_and_memory_is_bounded() {
    let agents = Agents::default();
    let (_, chrome) = corpus().next().unwrap();
    assert!(Arc::ptr_eq(&agents.read(chrome), &agents.read(chrome)));
    for number in 0..MAX_KNOWN * 2 {
        agents.read(&format!("agent {number}"));
    }
    assert!(agents.known().len() <= MAX_KNOWN);
    let long = format!("{chrome}{}", " ".repeat(MAX_AGENT_BYTES));
    assert_eq!(*agents.read(&long), Agent::default());
}
