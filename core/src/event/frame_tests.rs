use super::super::{Receipt, parse};
use super::*;

#[test]
fn what_was_accepted_is_read_back() {
    let receipt = Receipt { received_ms: 1_767_225_600_000, place: 3, correct_skew: true };
    let pretty = "{\"event\":\"a\\nb\",\n \"user_id\":\"u\",\"properties\":{\n\"p\": \"x\\ny\"}}";
    let event = parse(pretty, receipt).unwrap();
    let id = EventId::Text("e1".into());
    let mut frame = FrameWriter::new("app", receipt.received_ms).unwrap();
    frame.push(&event, &id).unwrap();
    let record = frame.finish();

    let (header, lines) = open(&record).unwrap();
    assert_eq!((header.source.as_str(), header.received), ("app", receipt.received_ms));
    let read: Vec<_> = events(&header, lines).collect::<Result<_, _>>().unwrap();
    assert_eq!(read.len(), 1);
    assert_eq!(read[0].event, "a\nb");
    assert_eq!(read[0].properties, Some("{ \"p\": \"x\\ny\"}"));
    assert_eq!(read[0], Event { event_id: Some(id), properties: read[0].properties, ..event });
}

#[test]
fn one_bad_line_does_not_hide_the_others() {
    let record = b"{\"weir\":1,\"received\":5,\"source\":\"s\"}\n{\"place\":0}\n\
        {\"place\":1,\"event\":\"a\",\"user_id\":\"u\",\"timestamp\":5,\"event_id\":\"x\"}\n";
    let (header, lines) = open(record).unwrap();
    let read: Vec<_> = events(&header, lines).collect();
    assert!(matches!(read[0], Err(FrameError::Line { line: 1, .. })));
    assert_eq!(read[1].as_ref().unwrap().user(), "u");
}

#[test]
fn a_newer_frame_is_not_guessed() {
    let newer = open(b"{\"weir\":3,\"received\":5,\"source\":\"s\"}\n").unwrap_err();
    assert_eq!(newer, FrameError::Version { found: 3 });
    assert!(matches!(open(b"junk").unwrap_err(), FrameError::Header(_)));
    assert!(matches!(open(b"").unwrap_err(), FrameError::Header(_)));
}

/// The bytes of each version, as logs hold them.
const VERSION_1: &str = concat!(
    r#"{"weir":1,"received":1767225600000,"source":"app"}"#,
    "\n",
    r#"{"place":0,"event":"view \"job\"","user_id":"u1","anonymous_id":"d1","timestamp":1767225599000,"event_id":"e-1","session_id":"s","properties":{"p": 1.0},"context":{}}"#,
    "\n",
    r#"{"place":2,"event":"b","user_id":"u2","timestamp":1767225600000,"event_id":"0190f3a1-7c4e-7b7a-9d1e-5f0a2b3c4d5e"}"#,
    "\n",
);
const VERSION_2: &str = concat!(
    r#"{"weir":2,"received":1767225600000,"source":"app"}"#,
    "\n",
    r#"{"place":0,"event":"a","user_id":"u1","timestamp":1767225600000,"event_id":"e-1"}"#,
    "\n",
    r#"{"place":1,"failed":{"id":"0190f3a1-7c4e-7b7a-9d1e-5f0a2b3c4d5e","protocol":"segment","code":"missing_field","field":"userId","message":"userId: is missing","event":"view","sent_at":"\"2026-01-01T00:00:00Z\"","body":"{\"event\":\n\"view\"}","bytes":17}}"#,
    "\n",
    r#"{"failed":{"id":"0190f3a1-7c4e-7b7a-9d1e-5f0a2b3c4d5f","protocol":"weir","code":"invalid_json","field":"","message":"no","body":"{","bytes":1}}"#,
    "\n",
);

fn failed_1() -> Failed<'static> {
    Failed {
        id: "0190f3a1-7c4e-7b7a-9d1e-5f0a2b3c4d5e".into(),
        protocol: "segment".into(),
        code: "missing_field".into(),
        field: "userId".into(),
        message: "userId: is missing".into(),
        event: Some("view".into()),
        sent_at: Some("\"2026-01-01T00:00:00Z\"".into()),
        body: "{\"event\":\n\"view\"}".into(),
        bytes: 17,
        place: Some(1),
    }
}

fn failed_2() -> Failed<'static> {
    Failed {
        id: "0190f3a1-7c4e-7b7a-9d1e-5f0a2b3c4d5f".into(),
        protocol: "weir".into(),
        code: "invalid_json".into(),
        field: "".into(),
        message: "no".into(),
        event: None,
        sent_at: None,
        body: "{".into(),
        bytes: 1,
        place: None,
    }
}

fn all_of(record: &[u8]) -> Vec<Entry<'_>> {
    let (header, lines) = open(record).unwrap();
    entries(&header, lines).collect::<Result<_, _>>().unwrap()
}

#[test]
fn records_of_both_versions_are_read() {
    let one = all_of(VERSION_1.as_bytes());
    let [Entry::Event(first), Entry::Event(second)] = one.as_slice() else { panic!("{one:?}") };
    assert_eq!((&*first.event, first.place, first.time_ms), ("view \"job\"", 0, 1_767_225_599_000));
    assert_eq!((first.properties, first.context), (Some("{\"p\": 1.0}"), Some("{}")));
    assert!(matches!(second.event_id, Some(EventId::Uuid(_))));

    let two = all_of(VERSION_2.as_bytes());
    let [Entry::Event(event), Entry::Failed(failed), Entry::Failed(whole)] = two.as_slice() else { panic!("{two:?}") };
    assert_eq!((event.user(), event.place), ("u1", 0));
    assert_eq!((&**failed, &**whole), (&failed_1(), &failed_2()));
    let (header, lines) = open(VERSION_2.as_bytes()).unwrap();
    assert_eq!(events(&header, lines).map(|event| event.unwrap().place).collect::<Vec<_>>(), [0]);
}

#[test]
fn what_is_written_is_pinned() {
    let receipt = Receipt { received_ms: 1_767_225_600_000, place: 0, correct_skew: true };
    let write = |failures: &[Failed<'_>]| {
        let mut frame = FrameWriter::new("app", receipt.received_ms).unwrap();
        let event = parse("{\"event\":\"a\",\"user_id\":\"u1\"}", receipt).unwrap();
        frame.push(&event, &EventId::Text("e-1".into())).unwrap();
        failures.iter().for_each(|failed| frame.push_failed(failed).unwrap());
        String::from_utf8(frame.finish()).unwrap()
    };
    assert_eq!(write(&[failed_1(), failed_2()]), VERSION_2);
    // Without a failure nothing says 2, so a reader of before reads it.
    let lines: Vec<&str> = VERSION_2.lines().collect();
    assert_eq!(write(&[]), format!("{}\n{}\n", lines[0].replace("\"weir\":2", "\"weir\":1"), lines[1]));
}

#[test]
fn a_line_is_known_by_its_beginning() {
    // In version 1 there are no failures, and an event may say what it likes.
    let (header, _) = open(VERSION_1.as_bytes()).unwrap();
    let line = b"{\"place\":3,\"failed\":{}}";
    assert!(matches!(entries(&header, line).next(), Some(Err(FrameError::Line { line: 1, .. }))));
    for event in
        ["{\"place\":1,\"event\":\"failed\"}", "{\"event\":\"failed\":", "{\"place\":,", "{", "\"failed\":", ""]
    {
        assert!(!is_failed(event.as_bytes()), "{event}");
    }
    assert!(is_failed(line) && is_failed(b"{\"failed\":{}}") && is_failed(b"{\"place\":3,\"failed\":"));
}

#[test]
fn many_bad_events_do_not_make_a_record_that_no_log_takes() {
    let mut frame = FrameWriter::new("app", 5).unwrap();
    // The worst there is: each byte takes six in JSON.
    let (body, message) = ("\u{1}".repeat(1_000), "\u{1}".repeat(1_000));
    for place in 0..5_000 {
        let failed = Failed {
            body: body.as_str().into(),
            message: message.as_str().into(),
            bytes: 1_000,
            place: Some(place),
            ..failed_2()
        };
        frame.push_failed(&failed).unwrap();
    }
    let record = frame.finish();
    assert!(record.len() < 6 * 1024 * 1024, "{}", record.len());
    let read = all_of(&record);
    assert_eq!(read.len(), 5_000, "every reason is there");
    let Entry::Failed(first) = &read[0] else { panic!("{:?}", read[0]) };
    let Entry::Failed(last) = &read[4_999] else { panic!("{:?}", read[4_999]) };
    assert!(first.is_whole() && first.message == message);
    assert!(
        !last.is_whole() && last.body.is_empty() && last.bytes == 1_000 && last.message.len() == MAX_BARE_MESSAGE_BYTES
    );
}

proptest::proptest! {
    #[test]
    fn whatever_was_sent_is_one_line_and_is_read_back(
        texts in proptest::array::uniform6(".{0,40}"),
        some in proptest::option::of("[\\s\\S]{0,20}"),
        body in "[\\s\\S]{0,200}",
        place in proptest::option::of(0_u64..u64::MAX),
        bytes in 0_u64..u64::MAX,
    ) {
        let [id, protocol, code, field, message, name] = texts.map(Cow::Owned);
        let sent_at = some.map(Cow::Owned);
        let event = sent_at.is_some().then_some(name);
        let failed = Failed { id, protocol, code, field, message, event, sent_at, body: body.into(), bytes, place };
        let mut frame = FrameWriter::new("app", 5).unwrap();
        frame.push_failed(&failed).unwrap();
        let event = Event {
            event: "a".into(), user_id: Some("u".into()), anonymous_id: None, time_ms: 5, event_id: None,
            session_id: None, properties: None, context: None, received_ms: 5, place: 1,
        };
        frame.push(&event, &EventId::Text("e".into())).unwrap();
        let record = frame.finish();
        proptest::prop_assert_eq!(record.iter().filter(|b| **b == b'\n').count(), 3);
        let read = all_of(&record);
        proptest::prop_assert_eq!(&read[0], &Entry::Failed(Box::new(failed)));
        proptest::prop_assert!(matches!(&read[1], Entry::Event(read) if read.user() == "u"));
    }
}

#[test]
fn the_bytes_of_a_record_are_these() {
    let receipt = |place| Receipt { received_ms: 1_767_225_600_000, place, correct_skew: true };
    let full = "{\"event\":\"a \\\"b\\\" \\\\ \\u0007\\n\\u007f é\",\"user_id\":\"u\",\"anonymous_id\":\"d\",\
        \"timestamp\":1767225599999,\"session_id\":\"s\",\"properties\":{\"p\":\r\n\t1.50, \"q\":\"\\n\\/\"},\
        \"context\":{ },\"sent_at\":1767225600000}";
    let least = "{\"user_id\":null,\"anonymous_id\":\"d\",\"event\":\"e\"}";
    let mut frame = FrameWriter::new("an \"app\"", receipt(0).received_ms).unwrap();
    frame.push(&parse(full, receipt(0)).unwrap(), &EventId::Text("x\ny".into())).unwrap();
    let uuid = EventId::from_text("0190f3a1-7c4e-7b7a-9d1e-5f0a2b3c4d5e".into());
    frame.push(&parse(least, receipt(12)).unwrap(), &uuid).unwrap();
    // Logs hold these bytes, and older readers read them.
    let expected = [
        r#"{"weir":1,"received":1767225600000,"source":"an \"app\""}"#,
        concat!(
            r#"{"place":0,"event":"a \"b\" \\ \u0007\n"#,
            "\u{7f} é",
            r#"","user_id":"u","anonymous_id":"d","timestamp":1767225599999,"event_id":"x\ny","session_id":"s","#,
            "\"properties\":{\"p\":  \t1.50, ",
            r#""q":"\n\/"},"context":{ }}"#,
        ),
        r#"{"place":12,"event":"e","anonymous_id":"d","timestamp":1767225600000,"event_id":"0190f3a1-7c4e-7b7a-9d1e-5f0a2b3c4d5e"}"#,
        "",
    ];
    assert_eq!(std::str::from_utf8(&frame.finish()).unwrap(), expected.join("\n"));
}
