//! What the command line takes, what it refuses, and how its help reads.

use clap::CommandFactory;
use clap::error::ErrorKind;

use super::*;

fn refused(line: &str) -> clap::Error {
    Cli::try_parse_from(line.split(' ')).unwrap_err()
}

fn help(command: &str) -> String {
    let mut cli = Cli::command().term_width(100);
    cli.build();
    let help = match cli.find_subcommand_mut(command) {
        Some(command) => command.render_help(),
        None => cli.render_help(),
    };
    // The value of WEIR_LAKE is not shown, so the help is the same in every environment.
    help.to_string().lines().map(str::trim_end).collect::<Vec<_>>().join("\n")
}

#[test]
fn the_definition_is_sound() {
    Cli::command().debug_assert();
}

#[test]
fn what_contradicts_is_a_usage_error() {
    for (line, kind) in [
        ("weir", ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand),
        ("weir funel", ErrorKind::InvalidSubcommand),
        ("weir funnel --spec a.json --step b", ErrorKind::ArgumentConflict),
        ("weir funnel --step a --last 30d --from 2026-01-01", ErrorKind::ArgumentConflict),
        ("weir funnel --step a --ties loose", ErrorKind::InvalidValue),
        ("weir funnel --step a --at-version new", ErrorKind::ValueValidation),
        ("weir events --format yaml", ErrorKind::InvalidValue),
        ("weir user", ErrorKind::MissingRequiredArgument),
        ("weir user ana --limit 0", ErrorKind::ValueValidation),
        ("weir user ana --last 1d --to 2026-01-01", ErrorKind::ArgumentConflict),
        ("weir explain-user --step a", ErrorKind::MissingRequiredArgument),
        ("weir explain-user ana --spec a.json --step b", ErrorKind::ArgumentConflict),
        ("weir import", ErrorKind::MissingRequiredArgument),
        ("weir demo --end yesterday", ErrorKind::ValueValidation),
        ("weir demo --days 0", ErrorKind::ValueValidation),
        ("weir dev --seed 2", ErrorKind::MissingRequiredArgument),
        ("weir dev --max-in-flight 1MiB", ErrorKind::ValueValidation),
        ("weir dev --log-format xml", ErrorKind::InvalidValue),
        ("weir keys", ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand),
        ("weir keys add", ErrorKind::MissingRequiredArgument),
        ("weir keys add --source a --burst 5", ErrorKind::MissingRequiredArgument),
        ("weir keys add --source a --events-per-second 0", ErrorKind::ValueValidation),
        ("weir keys add --source a --origin shop.example", ErrorKind::ValueValidation),
        ("weir keys rotate wk_1 --grace soon", ErrorKind::ValueValidation),
        ("weir keys disable", ErrorKind::MissingRequiredArgument),
        ("weir keys add --source a --plan loud", ErrorKind::InvalidValue),
        ("weir keys set wk_1", ErrorKind::MissingRequiredArgument),
        ("weir keys set --plan warn", ErrorKind::MissingRequiredArgument),
        ("weir keys set wk_1 --events-per-second 0", ErrorKind::ValueValidation),
        ("weir keys set wk_1 --burst any", ErrorKind::ValueValidation),
        ("weir dev --plan maybe", ErrorKind::InvalidValue),
        ("weir plan check", ErrorKind::MissingRequiredArgument),
        ("weir plan infer --sample 0", ErrorKind::ValueValidation),
        ("weir plan show --format csv", ErrorKind::InvalidValue),
        ("weir reports", ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand),
        ("weir reports show", ErrorKind::MissingRequiredArgument),
        ("weir reports save --name a --revision 3", ErrorKind::MissingRequiredArgument),
        ("weir reports save --id a --revision 0", ErrorKind::ValueValidation),
        ("weir serve --host nowhere", ErrorKind::ValueValidation),
        ("weir serve --queries 0", ErrorKind::ValueValidation),
        ("weir serve --auth password", ErrorKind::InvalidValue),
        ("weir tokens add --name a", ErrorKind::MissingRequiredArgument),
        ("weir tokens add --role admin", ErrorKind::MissingRequiredArgument),
        ("weir tokens add --name a --role owner", ErrorKind::InvalidValue),
        ("weir tokens disable", ErrorKind::MissingRequiredArgument),
        ("weir failed", ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand),
        ("weir failed show", ErrorKind::MissingRequiredArgument),
        ("weir failed list --since soon", ErrorKind::ValueValidation),
        ("weir failed replay abc --code x", ErrorKind::ArgumentConflict),
        ("weir delete-user", ErrorKind::MissingRequiredArgument),
        ("weir delete-user u --list", ErrorKind::ArgumentConflict),
        ("weir delete-user --list --refuse-later", ErrorKind::ArgumentConflict),
        ("weir delete-user u --dry-run --vacuum-now", ErrorKind::ArgumentConflict),
        ("weir keep set", ErrorKind::MissingRequiredArgument),
        ("weir keep set --events 23h", ErrorKind::ValueValidation),
        ("weir keep unset", ErrorKind::MissingRequiredArgument),
        ("weir vacuum --keep 59m", ErrorKind::ValueValidation),
        ("weir retention --start a --periods 3 --brackets 0,1", ErrorKind::ArgumentConflict),
        ("weir retention --start a --mode after", ErrorKind::InvalidValue),
        ("weir retention set", ErrorKind::MissingRequiredArgument),
        ("weir lifecycle --interval year", ErrorKind::InvalidValue),
    ] {
        let error = refused(line);
        assert_eq!((error.kind(), error.exit_code()), (kind, 2), "{line}");
    }
}

#[test]
fn a_lake_is_asked_for_by_both_its_names() {
    for lake in [None, Some(String::new())] {
        let failure = LakeArg { lake }.url().unwrap_err();
        assert_eq!((failure.exit.code(), failure.message.as_str()), (2, "no lake given"));
        assert_eq!(failure.hint.as_deref(), Some("name one with --lake URL, or set WEIR_LAKE"));
    }
}

#[test]
fn conditions_and_steps_may_begin_with_a_sign() {
    let line = ["weir", "funnel", "--step", "* where x < -5", "--where", "a = 1", "--where", "b = 2", "--lake", "./-"];
    let Command::Funnel(args) = Cli::try_parse_from(line).unwrap().command else { panic!("another command") };
    assert_eq!((args.question.steps.len(), args.question.conditions.len(), args.lake.url().unwrap()), (1, 2, "./-"));
}

#[test]
fn the_end_of_generated_events_is_now_or_an_instant() {
    assert_eq!(end("now"), Ok(End::Now));
    assert_eq!(end("2026-06-30T09:00:00+09:00"), Ok(End::At(1_782_777_600_000)));
    assert_eq!(end("2026-06-30").unwrap_err(), "expected an instant such as 2026-06-30T00:00:00Z, or now");
}

#[test]
fn the_help_lists_the_commands() {
    insta::assert_snapshot!(help("weir"), @"
    Collects events and answers how many users went all the way.

    Usage: weir <COMMAND>

    Commands:
      dev           Run the whole system on this machine, on one port
      serve         Answer questions and show the page, over a lake that is filled elsewhere
      import        Bring the events of files into a lake
      funnel        Count the users who took some steps, one after the other
      trends        Count events, users or the numbers of a property, by hour, day, week or month
      experiment    Compare variants: whether users of one converted more often than those of another
      paths         Show what users did after an event, or before it
      sessions      Count sessions, how long they are, and what they begin and end with
      explain-user  Say why one user did or did not go all the way, event by event
      user          Show what one user did, in order
      retention     Count who came back, and how long after they began
      lifecycle     Count which active users are new, returning or resurrecting, and who is dormant
      stickiness    Count users by on how many days they were active
      events        List the events of a lake with their counts, or show one with its properties
      sql           Ask a lake in SQL (read only): events, failed events, and funnels as tables
      reports       Keep questions in a lake as reports, list them, and ask them again
      test          Ask questions of events that are written down, and hold the answers against what is
                    expected
      failed        Show what was sent and not taken, and why; try it again, or remove it
      keys          Make, list, change and switch off the keys that apps send events with
      tokens        Make, list and switch off the tokens that people log in to `weir serve` with
      embeds        Links to the answer of one report, for another site or a screen in a hall
      privacy       Name the properties that are dropped or hashed before anything is stored
      plan          Say which events apps are to send, and find those that depart from it
      stats         Show the figures of a lake: events, files, bytes, times
      cost          Say what a load costs on AWS in a month
      compact       Merge the files of a lake now, so that questions read fewer and better sorted ones
      delete-user   Take every event of a user away, from the events and the failed events
      keep          Say how long events, failed events and old versions are kept
      vacuum        Remove files that no version of the last hour needs
      doctor        Find what is wrong with a lake, and say what it means and what to do
      repair        Mend what is wrong with a lake, as far as nothing is lost by it
      completion    Print the script that completes command lines, with the names of events, in a shell
      demo          Write generated events of a job board, to try weir with
      help          Print this message or the help of the given subcommand(s)

    Options:
      -h, --help     Print help
      -V, --version  Print version

    Start here:
      weir dev --demo 100000                     the whole system, with generated events to look at
      weir demo --events 100000 > demo.ndjson    the same events as a file
      weir import demo.ndjson --lake ./lake      the file into a lake
      weir funnel --lake ./lake --step view_job --step apply_start --step hired

    Results go to standard output, everything else to standard error.
    Exit codes: 0 success, 1 failure, 2 a command line or a question that cannot be understood.
    ");
}

#[test]
#[allow(clippy::too_many_lines, reason = "the help is one text")]
fn the_help_of_a_funnel_teaches_the_shorthand() {
    insta::assert_snapshot!(help("funnel"), @"
    Count the users who took some steps, one after the other

    Usage: weir funnel --step STEP [--step STEP]… [OPTIONS]
           weir funnel --spec FILE [OPTIONS]

    Options:
          --lake <URL>             The lake: a directory, or s3://bucket/prefix [env: WEIR_LAKE]
          --step <STEP>            A step, as `EVENT [where CONDITIONS] [| EVENT…] [as LABEL]`; once for
                                   each step, in order
          --spec <FILE>            The question as a JSON document; - is standard input
          --where <CONDITIONS>     Look only at events with these properties, as `price >= 100 and
                                   country = KR`; all must hold
          --window <DURATION>      The longest time from the first to the last step, such as 30m, 1d or
                                   2w; or session: all in one [default: 14d]
          --order <ORDER>          Steps in the order given (ordered), with nothing else in between
                                   (strict), or in whichever order (any) [default: ordered]
          --optional <N>           This step may be passed over; once for each
          --exclude <EXCLUSION>    What must not happen between two steps, as `EVENT [where CONDITIONS]
                                   [| EVENT…] [between N and M]`
          --exclusion <EXCLUSION>  Where it does happen, there is no such attempt (block), or the user
                                   is not counted at all (drop_user) [default: block]
          --hold <PROPERTY>        This property has the same value in all steps; once for each
          --cohort <COHORT>        Only users who did this, as `EVENT [where CONDITIONS] [at least N]
                                   [at most N] [last DURATION]`, or `EVENT never`; once for each
          --count <COUNT>          Count users, sessions or attempts [default: users]
          --interval <INTERVAL>    Also count by when the first step happened: hour, day, week or month
          --compare <COMPARE>      Also answer for the period before: previous
          --from <DATE>            The first step happened at or after this date (in --timezone) or
                                   instant
          --to <DATE>              The first step happened on or before this date, or before this
                                   instant
          --last <DURATION>        The first step happened in the last so much time, such as 30d
          --timezone <ZONE>        The time zone that dates are in, such as Asia/Seoul [default: UTC]
          --ties <TIES>            When a step is later than the one before: its time is not smaller
                                   (lenient), it also arrived later (arrival), its time is greater
                                   (strict) [default: lenient]
          --breakdown <PROPERTY>   Count the users of each value of this property apart, such as country
                                   or context.platform
          --breakdown-step <N>     The step whose event has the property [default: 1]
          --breakdown-limit <N>    List so many values; the others are summed [default: 10]
          --at-version <N>         Answer from this version of the lake instead of the newest
          --users <STATE>          Also list users at a step: those who took it (converted), who took
                                   the one before and have no more time (dropped), or still have time
                                   (open)
          --users-step <N>         The step whose users are listed [default: the last]
          --users-limit <N>        List so many users, the latest first [default: 100]
          --print-spec             Print the question as a JSON document for --spec, and do not ask it
          --dry-run                Show what it would take, files, bytes and requests, and do not ask it
          --explain                Show how it would be answered, and do not ask it
          --watch [<SECONDS>]      Ask again with each new version of the lake, which is looked for
                                   every so many seconds [default: 5]
          --format <FORMAT>        How to print the result [default: table] [possible values: table,
                                   json, csv, ndjson, markdown, parquet]
      -q, --quiet                  Print nothing but the result and errors
      -h, --help                   Print help (see more with '--help')

    A step is the name of an event, with conditions, alternatives and a label if need be:
      view_item
      purchase where price >= 100 and context.platform in (ios, android)
      add_to_cart | add_to_wishlist as wants it
    Operators:
      =  !=  <  <=  >  >=  in  not in  contains  not contains
      starts with  ends with  matches  exists  not exists

    Examples:
      weir funnel --step view_item --step purchase --window 1d
      weir funnel --step view_item --step 'purchase where price >= 100' --last 30d --breakdown country
      weir funnel --step view_item --step purchase --exclude 'remove_from_cart between 1 and 2' --hold
      item_id
      weir funnel --step view_item --step purchase --print-spec > buyers.json
      weir funnel --spec buyers.json --from 2026-01-01 --to 2026-01-31 --format json

    Given beside --spec, --where and --optional add to what the document says, and every other option
    replaces it.
    ");
}

#[test]
fn the_help_of_sql_names_columns_and_functions() {
    insta::assert_snapshot!(help("sql"), @r#"
    Ask a lake in SQL (read only): events, failed events, and funnels as tables

    Usage: weir sql [OPTIONS] [QUERY]

    Arguments:
      [QUERY]  The statement; - reads it from standard input. Without one there is a prompt on a
               terminal, else standard input is read

    Options:
          --lake <URL>          The lake: a directory, or s3://bucket/prefix [env: WEIR_LAKE]
          --max-memory <BYTES>  Let the sorts, joins and groups of a statement hold at most so many
                                bytes together [default: 1GiB]
          --timeout <DURATION>  Give a statement up after so much time, such as 30s or 5m [default:
                                never]
          --max-rows <N>        Print at most so many rows, and say how many more there are; 0 prints
                                all [default: 1000 in a table for people, all in other formats]
          --format <FORMAT>     How to print the result [default: table] [possible values: table, json,
                                csv, ndjson, markdown, parquet]
      -q, --quiet               Print nothing but the result and errors
      -h, --help                Print help (see more with '--help')

    Columns of `events`:
      time, received_at                  when it happened, when it arrived
      event, source                      its name, who sent it
      "user"                             whose it is; in quotes, as SQL has a user of its own
      user_id, anonymous_id, session_id  as they were sent
      event_id                           what tells it from others
      properties, context                JSON text; property(properties, 'cart.total') gives a text,
                                         property_number(properties, 'price') a number
    Properties with columns of their own are p_price and so on, and quicker than the text.
    Columns of `failed`:
      failed_id, received_at, source     what tells it from others, when it arrived, who sent it
      code, field, message               why it was not taken
      event, place, protocol, sent_at    its name, its place in the request, and how it came
      body, body_bytes                   what was sent, cut at 64 KiB, and its length
    Tables of questions:
      funnel('STEP', …)                  one row a step, as `weir funnel --format csv` has them
      funnel_users('STEP', …)            one row a user: "user", depth, times, open_until, "group"
    A step is written as for `weir funnel --step`; a last text in braces has further fields of the
    question, or all of it.

    Examples:
      weir sql 'SELECT event, count(*) AS n FROM events GROUP BY event ORDER BY n DESC'
      weir sql --format csv "SELECT property(context, 'os.name') AS os, count(*) FROM events GROUP BY 1"
      weir sql "SELECT step, count FROM funnel('view_job', 'hired', '{\"window\": \"7d\"}')"
      weir sql - --format ndjson < query.sql
      weir sql                                                 (a prompt; \? helps there)
    "#);
}

#[test]
fn the_help_of_serve_says_who_may_ask() {
    insta::assert_snapshot!(help("serve"), @r"
    Answer questions and show the page, over a lake that is filled elsewhere

    Usage: weir serve [OPTIONS]

    Options:
          --lake <URL>               The lake: a directory, or s3://bucket/prefix [env: WEIR_LAKE]
          --port <PORT>              Listen on this port; 0 takes any that is free [default: 8080]
          --host <ADDRESS>           Listen on this address; on any that can be reached from elsewhere
                                     it asks for a token [default: 127.0.0.1]
          --url <URL>                The address under which browsers reach this server, such as
                                     https://weir.example [env: WEIR_URL]
          --auth <HOW>               How it finds out who asks [default: by OpenID Connect and tokens
                                     where there is a provider; by tokens, where the lake has any or it
                                     can be reached from elsewhere] [env: WEIR_AUTH] [possible values:
                                     token, openid, iam, none]
          --iam-role <ROLE>          The role of whoever AWS lets through, with --auth iam [env:
                                     WEIR_IAM_ROLE] [default: viewer] [possible values: viewer, editor,
                                     admin]
          --frame-ancestor <SITE>    A site that may show embeds in a frame, such as
                                     https://wiki.example; once for each, or with commas [default: none]
                                     [env: WEIR_FRAME_ANCESTORS]
          --function                 Answer as a function of AWS Lambda, instead of listening
          --insecure-cookie          Let the cookie of a session travel over connections that are not
                                     encrypted
          --queries <N>              Answer so many questions of viewers and editors at once [env:
                                     WEIR_QUERIES] [default: 8]
          --query-seconds <SECONDS>  Give up on a question of a viewer or editor after so many seconds
                                     [env: WEIR_QUERY_SECONDS] [default: 60]
          --checks                   Run the checks of reports when they are due
          --webhook-host <HOST>      A host that checks of reports may call, such as hooks.example or
                                     hooks.example:8443; once for each [default: none] [env:
                                     WEIR_WEBHOOK_HOSTS]
          --log-format <FORMAT>      How to write the log: as text, or one JSON object a line [default:
                                     text] [possible values: text, json]
      -h, --help                     Print help (see more with '--help')

    OpenID Connect:
          --openid-issuer <URL>        Let people log in with this provider, such as
                                       https://login.example/realms/acme: its address as its tokens name
                                       it [env: WEIR_OPENID_ISSUER]
          --openid-client <ID>         The name of this server at the provider; its secret, if it has
                                       one, is WEIR_OPENID_CLIENT_SECRET [env: WEIR_OPENID_CLIENT_ID]
          --openid-role-claim <CLAIM>  The claim whose values give roles; dots lead into objects.
                                       `email` counts where the provider has checked it [env:
                                       WEIR_OPENID_ROLE_CLAIM] [default: groups]
          --openid-role <VALUE=ROLE>   Who has this value of that claim has this role, such as
                                       analysts=editor; `*=viewer` is whoever the provider knows. Once
                                       for each, or with commas between them; nobody else gets in [env:
                                       WEIR_OPENID_ROLES]
          --openid-scope <SCOPE>       Ask the provider for this, too; once for each [default: profile
                                       and email] [env: WEIR_OPENID_SCOPES]
          --openid-name <NAME>         What people call the provider [default: the host of its address]
                                       [env: WEIR_OPENID_NAME]

    Examples:
      weir serve --lake ./lake
      weir tokens add --name ana --role admin --lake s3://bucket/lake
      weir serve --host 0.0.0.0 --lake s3://bucket/lake
      weir serve --host 0.0.0.0 --lake s3://bucket/lake --url https://weir.example \
        --openid-issuer https://login.example --openid-client weir --openid-role staff=viewer

    It speaks HTTP alone: put a proxy in front of it that speaks HTTPS. WEIR_SESSION_KEY, at least
    32 random bytes, keeps people logged in when it starts again, and lets several servers share
    their sessions. WEIR_OPENID_CLIENT_SECRET is what the provider gave for this server.
    ");
}

#[test]
fn the_help_of_tokens_says_what_they_are() {
    insta::assert_snapshot!(help("tokens"), @"
    Make, list and switch off the tokens that people log in to `weir serve` with

    Usage: weir tokens <COMMAND>

    Commands:
      add      Make a token, and print it: it cannot be shown again
      list     List the tokens of a lake, without their text
      disable  Switch a token off: its holder is logged out within seconds
      help     Print this message or the help of the given subcommand(s)

    Options:
      -h, --help  Print help

    Examples:
      weir tokens add --name ana --role admin --lake s3://bucket/lake
      weir tokens add --name dashboards --role viewer --lake s3://bucket/lake
      weir tokens disable ana --lake s3://bucket/lake

    A token lets its holder ask questions of a server that `weir serve` runs, and is to be kept
    secret. It is shown once: the lake keeps only a hash of it. Whoever writes the lake's folder can
    make one.
    ");
}

#[test]
fn the_help_of_reports_says_what_can_be_done() {
    insta::assert_snapshot!(help("reports"), @"
    Keep questions in a lake as reports, list them, and ask them again

    Usage: weir reports <COMMAND>

    Commands:
      list     List the reports of a lake
      show     Show a report, with its question
      history  List the revisions of a report, the newest first
      save     Keep a question as a report, or change one
      remove   Remove a report; its revisions stay, and saving it brings it back
      run      Ask the question of a report, as its own command would
      check    Run the checks of reports now, and fail if one of them does
      help     Print this message or the help of the given subcommand(s)

    Options:
      -h, --help  Print help

    Examples:
      weir reports save --name Buyers --folder growth --spec buyers.json --lake ./lake
      weir reports list --lake ./lake
      weir reports run Buyers --lake ./lake
      weir reports check --lake ./lake
      weir reports save --id 0190f3a1 --revision 3 --spec buyers.json --lake ./lake

    A report is a question that is kept in the lake, for the page and the command line alike. Every save
    makes a revision; none is lost. Where a command asks for a REPORT, its name, its id or the first
    characters of its id do.
    ");
}

#[test]
fn the_help_of_failed_says_what_can_be_done() {
    insta::assert_snapshot!(help("failed"), @"
    Show what was sent and not taken, and why; try it again, or remove it

    Usage: weir failed <COMMAND>

    Commands:
      list    Show what fails, a line a reason, or each failed event
      show    Show one failed event, with what was sent
      replay  Check failed events again, and land those that are good now
      drop    Remove failed events
      help    Print this message or the help of the given subcommand(s)

    Options:
      -h, --help  Print help

    Examples:
      weir failed list --lake ./lake
      weir failed list --each --code missing_field --since 24h --lake ./lake
      weir failed show 0190f3a1-7c4e --lake ./lake
      weir failed replay --source web --dry-run --lake ./lake
      weir failed drop --until 2026-01-31 --lake ./lake

    Failed events are those that a collector did not take, with the reason and what was sent. Where a
    command asks for an ID, its first characters do, if no other id begins with them.
    ");
}

#[test]
fn the_help_of_keys_says_what_a_key_is() {
    insta::assert_snapshot!(help("keys"), @"
    Make, list, change and switch off the keys that apps send events with

    Usage: weir keys <COMMAND>

    Commands:
      add      Make a key for a source, and print it
      set      Change what a key may do; what is not named stays as it is
      list     List the keys of a lake
      disable  Switch a key off: events that come with it are refused
      enable   Switch a key on again, or let one that was replaced go on
      rotate   Replace a key: print a new one like it, and let the old one go on for a while
      help     Print this message or the help of the given subcommand(s)

    Options:
      -h, --help  Print help

    Examples:
      weir keys add --source web --origin https://shop.example --lake ./lake
      weir keys add --source ios --events-per-second 200 --burst 5000 --lake ./lake
      weir keys set wk_3f --plan warn --events-per-second any --lake ./lake
      weir keys rotate wk_3f --grace 7d --lake ./lake

    A write key is public: it lets events in under the name of its source, and lets nobody read.
    A running `weir dev` takes up a change within seconds. Where a command asks for a KEY, its first
    characters do.
    ");
}

#[test]
fn the_help_of_plan_leads_from_a_draft_to_a_plan_in_force() {
    insta::assert_snapshot!(help("plan"), @"
    Say which events apps are to send, and find those that depart from it

    Usage: weir plan <COMMAND>

    Commands:
      check  Check a plan, and the events of files or of a lake against it
      diff   Show where a plan and the events of a lake have grown apart
      infer  Draft a plan from the events of a lake
      set    Put a plan in force
      show   Print the plan in force
      unset  Take the plan out of force
      help   Print this message or the help of the given subcommand(s)

    Options:
      -h, --help  Print help

    Examples:
      weir plan infer --lake ./lake > plan.yaml      a draft from the events that are there
      weir plan check plan.yaml                      is it a plan?
      weir plan check plan.yaml events.ndjson        do these events keep to it? (exit code 1 if not)
      weir plan diff plan.yaml --lake ./lake         where plan and events have grown apart
      weir plan set plan.yaml --lake ./lake          put it in force
      weir keys set wk_3f --plan warn --lake ./lake  flag the events of a key that depart from it

    A plan is YAML or JSON:
      weir_plan: 1
      events:
        apply_submit:
          owner: growth
          properties:
            job_id: {type: string, required: true}
            channel: {enum: [web, ios]}

    A plan in force does nothing by itself: each key says what follows (off, warn, enforce).
    ");
}

#[test]
fn the_help_of_retention_is_about_the_question_and_not_about_what_is_kept() {
    let help = help("retention");
    let begins = "Count who came back, and how long after they began\n\nUsage: weir retention --start STEP [--return STEP] [OPTIONS]";
    assert!(help.starts_with(begins) && help.contains("--brackets <PERIODS>"), "{help}");
    for former in ["Commands:", "COMMAND", "unset"] {
        assert!(!help.contains(former), "{former}: {help}");
    }
}
