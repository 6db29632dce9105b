#!/usr/bin/env python3
"""Chooses, from the rules of uap-core, those by which the collector reads user agents.

    scripts/agent-rules.py regexes.yaml > ingest-fn/data/uap-core/agents.json

`regexes.yaml` is that of uap-core; the package `ua-parser` on crates.io carries one in its folder `uap-core`. Needs PyYAML.

The whole set has 1,200 rules: feed readers, mail programs, televisions of 2011. Compiled they take four times the memory of
what is chosen here. Order is kept, because the first rule that matches counts. Names are made alike: one for each product,
since what it runs on is told by `os` and `device`.
"""

import json
import re
import sys

import yaml

BROWSERS = """
Facebook Messenger|Facebook|Instagram|Pinterest|Snapchat|Twitter|LINE|Google|Firefox Mobile|Firefox iOS|Firefox|Waterfox
SeaMonkey|Pale Moon|MullvadBrowser|UC Browser|Opera Mini|Opera Mobile|Opera|Huawei Browser|Avast Secure Browser|AVG
Aloha Browser|Brave|Amazon Silk|Puffin|Edge Mobile|Edge|Oculus Browser|Samsung Internet|Coc Coc|MiuiBrowser
QQ Browser Mobile|QQ Browser|DuckDuckGo Mobile|DuckDuckGo|Ecosia iOS|Ecosia Android|Chrome Mobile WebView
Chrome Mobile iOS|Chrome Mobile|Yandex Browser|Whale|Vivaldi|Chromium|Chrome|IE Mobile|IE|Mobile Safari
Mobile Safari UI/WKWebView|Safari|HbbTV|Ladybird|webOS Browser|Baidu Browser|Sogou Explorer
""".strip().replace("\n", "|").split("|")

NAMES = {
    "Chrome Mobile": "Chrome",
    "Chrome Mobile iOS": "Chrome",
    "Chrome Mobile WebView": "Android WebView",
    "DuckDuckGo Mobile": "DuckDuckGo",
    "Ecosia Android": "Ecosia",
    "Ecosia iOS": "Ecosia",
    "Edge Mobile": "Edge",
    "Firefox Mobile": "Firefox",
    "Firefox iOS": "Firefox",
    "IE Mobile": "Internet Explorer",
    "IE": "Internet Explorer",
    "Mobile Safari": "Safari",
    "Mobile Safari UI/WKWebView": "iOS WebView",
    "Opera Mobile": "Opera",
    "QQ Browser Mobile": "QQ Browser",
    "ATV OS X": "tvOS",
    "Chrome OS": "ChromeOS",
    "Mac OS X": "macOS",
    "WatchOS": "watchOS",
}

# A rule is about bots if it names one, or a family of them. Headless browsers count: nobody looks at what they show.
BOTS = re.compile(
    r"bot\b|[Bb]ot\b|\[Bb\]ot|Bot|[Ss]pider|\[Ss\]\[Pp\]|[Cc]rawler|[Ii]ndexer|[Mm]onitor|HeadlessChrome|PhantomJS|"
    r"facebookexternalhit|PTST|Datanyze|HTTrack|snippet|ImageProxy|MailProxy"
)

# Rules that list libraries or browsers beside bots.
NOT_BOTS = re.compile(r"Go-http-client|Boto|Midori")

# What uap-core does not know yet, or knows under no name of its own. They come first.
OWN_BOTS = [
    {"regex": r"(Chrome-Lighthouse)"},
    {"regex": r"(ChatGPT-User|Claude-User|Perplexity-User|MistralAI-User)/(\d+)(?:\.(\d+)|)"},
    {"regex": r"(GoogleOther|Google-InspectionTool|Google-Read-Aloud|Mediapartners-Google|FeedFetcher-Google)"},
    {"regex": r"(meta-externalagent|meta-externalfetcher|facebookcatalog)/(\d+)(?:\.(\d+)|)"},
]
OWN_BROWSERS = [
    {"regex": r"(KAKAOTALK)[ /](\d+)(?:\.(\d+)|)", "family_replacement": "KakaoTalk"},
    {"regex": r"(NAVER)\(inapp; search; \d+; (\d+)\.(\d+)", "family_replacement": "Naver"},
]

# Words that only rules of other systems have, and apps of one maker.
NOT_SYSTEMS = re.compile(
    r"Network|Darwin|Dar\)|HbbTV/|ArcGIS|\^Box|UCWEB|JUC|Outlook|Symbian|Symb|S60|Series|MeeGo|BREW|Brew|BMP|GoogleTV|WebTV|"
    r"VRE|Bada|Black\[|BB10|RIM|Play\[|Firefox/|Gecko/|Mandriva|gentoo|SunOS|Donut|Eclair|Froyo|Gingerbread|Honeycomb|"
    r"Windows ?CE|XBLWP7|Win16|Win32|Win 9x|WinNT4|PowerPC|PPC|Citrix|Petal|redhat|Quest|wds|Kubuntu"
)


def families(rule, key):
    """The names that a rule may give."""
    if rule.get(key):
        return [rule[key]]
    group = re.search(r"\(([^?(][^()]*)", rule["regex"])
    return group.group(1).split("|") if group else []


def renamed(rule, key):
    """The rule, with weir's name for what it finds."""
    found = families(rule, key)
    name = NAMES.get(found[0]) if len(found) == 1 else None
    return {**rule, key: name} if name else rule


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        rules = yaml.safe_load(file)
    bots, browsers = OWN_BOTS[:], OWN_BROWSERS[:]
    for rule in rules["user_agent_parsers"]:
        found = families(rule, "family_replacement")
        if NOT_BOTS.search(rule["regex"]):
            continue
        if BOTS.search(rule["regex"]) or BOTS.search(rule.get("family_replacement", "")):
            bots.append(rule)
        elif len(found) <= 6 and any(name in BROWSERS for name in found):
            browsers.append(renamed(rule, "family_replacement"))
    systems = [renamed(rule, "os_replacement") for rule in rules["os_parsers"] if not NOT_SYSTEMS.search(rule["regex"])]
    lists = {"bots": bots, "browsers": browsers, "systems": systems}
    # One line a rule, so that a change of the rules can be read as one.
    lines = {name: ",\n".join(json.dumps(rule, ensure_ascii=False) for rule in list_) for name, list_ in lists.items()}
    print("{" + ",\n".join(f'"{name}": [\n{text}\n]' for name, text in lines.items()) + "}")


if __name__ == "__main__":
    main()
