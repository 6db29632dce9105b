//! A plan as one line of JSON.
//!
//! Everything an event carries beyond its plan is rolled from its number, so a copy of a plan becomes the same line,
//! byte for byte. The dirt of clients is added here: an [`Object`] leaves out, nulls or mistypes what it is given.

use super::behaviour::Plan;
use super::dice::{Dice, Of};
use super::town::{Job, Known, Town, User};
use super::world::{self, Name};
use super::{DAY_MS, HOUR_MS};

/// What is wrong with an event's properties.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Dirt {
    Clean,
    /// No properties at all.
    Bare,
    /// The property in this place is missing.
    Missing(u32),
    /// The property in this place is null.
    Null(u32),
    /// Numbers and booleans are strings.
    Mistyped,
}

/// Writes the line of a plan, without a newline.
pub(super) fn render(town: &Town, plan: &Plan) -> String {
    let mut dice = Dice::of(town.seed, Of::Event, plan.number);
    let user = town.user(plan.user);
    let mut out = String::with_capacity(768);
    out.push_str("{\"event\":\"");
    out.push_str(plan.name.text());
    out.push('"');
    push_ids(&mut out, &user);
    push_timestamp(&mut out, plan.at, &mut dice);
    push_event_id(&mut out, plan, &user, &mut dice);
    if plan.tells_session {
        out.push_str(",\"session_id\":\"s_");
        push_number(&mut out, plan.session, 8);
        out.push('"');
    }
    let place = dice.below(3);
    let dirt = dice.weighted(&[
        (Dirt::Bare, 100),
        (Dirt::Missing(place), 220),
        (Dirt::Null(place), 120),
        (Dirt::Mistyped, 160),
        (Dirt::Clean, 9_400),
    ]);
    if dirt != Dirt::Bare {
        out.push_str(",\"properties\":");
        let mut object = Object::new(&mut out, dirt);
        push_properties(&mut object, town, plan, &mut dice);
        object.end();
    }
    if !dice.chance(60) {
        out.push_str(",\"context\":");
        push_context(&mut out, town, plan, &user);
    }
    out.push('}');
    out
}

fn push_ids(out: &mut String, user: &User) {
    if user.known != Known::Anonymous {
        out.push_str(",\"user_id\":\"");
        if user.uuid {
            push_uuid(out, user.bits[0], user.bits[1]);
        } else {
            out.push_str("u_");
            push_number(out, u64::from(user.number), 6);
        }
        out.push('"');
    }
    if user.known != Known::User {
        out.push_str(",\"anonymous_id\":\"anon-");
        push_hex(out, user.bits[2], 16);
        out.push('"');
    }
}

/// Mostly RFC 3339 in UTC; some clients send milliseconds, some their local time.
fn push_timestamp(out: &mut String, at: i64, dice: &mut Dice) {
    out.push_str(",\"timestamp\":");
    match dice.below(100) {
        0..10 => push_signed(out, at),
        10..15 => {
            out.push('"');
            push_date_time(out, at + 9 * HOUR_MS);
            out.push_str("+09:00\"");
        }
        _ => {
            out.push('"');
            push_date_time(out, at);
            out.push_str("Z\"");
        }
    }
}

/// A UUID; an old release of the website counts instead.
fn push_event_id(out: &mut String, plan: &Plan, user: &User, dice: &mut Dice) {
    out.push_str(",\"event_id\":\"");
    if user.platform.name == "web" && dice.chance(2_000) {
        out.push_str("web-");
        push_number(out, u64::from(user.number), 1);
        out.push('-');
        push_number(out, plan.number, 1);
    } else {
        push_uuid(out, dice.bits(), dice.bits());
    }
    out.push('"');
}

fn push_context(out: &mut String, town: &Town, plan: &Plan, user: &User) {
    let mut object = Object::new(out, Dirt::Clean);
    object.text("platform", user.platform.name);
    object.text("app_version", town.app_version(user, plan.at));
    object.text("locale", user.locale);
    object.object("os", |os| os.text("version", user.os_version));
    object.object("device", |device| device.text("model", user.model));
    object.end();
}

fn push_properties(object: &mut Object, town: &Town, plan: &Plan, dice: &mut Dice) {
    match plan.name {
        Name::ViewJob
        | Name::ApplyStart
        | Name::ApplySubmit
        | Name::Hired
        | Name::SaveJob
        | Name::UnsaveJob
        | Name::ShareJob
        | Name::ViewMap
        | Name::ViewCompany
        | Name::CallEmployer
        | Name::ReportJob
        | Name::PostJob
        | Name::EditJob
        | Name::CloseJob => job(object, &town.job(plan.job), plan, dice),
        Name::ChatOpen | Name::ChatMessage | Name::InterviewScheduled | Name::InterviewCancelled => {
            chat(object, &town.job(plan.job), plan, dice);
        }
        Name::Search | Name::FilterChange | Name::ListScroll => list(object, plan.name, dice),
        Name::ReviewRead | Name::ReviewWrite => review(object, &town.job(plan.job), plan.name, dice),
        Name::CouponView | Name::Payment => money(object, plan, dice),
        Name::NotificationReceive | Name::NotificationOpen => notification(object, plan, dice),
        Name::AppOpen | Name::Page | Name::ErrorShown => app(object, plan.name, dice),
        Name::ViewProfile
        | Name::EditProfile
        | Name::UploadResume
        | Name::PhotoAdd
        | Name::SettingsChange
        | Name::Login
        | Name::Logout
        | Name::SignUp => account(object, plan.name, dice),
    }
}

fn job(object: &mut Object, job: &Job, plan: &Plan, dice: &mut Dice) {
    object.id("job_id", "job_", u64::from(job.number));
    object.text("category", job.category);
    object.int("wage", i64::from(job.wage));
    object.text("region", job.region);
    object.flag("is_urgent", job.urgent);
    // The same user is as far from the same job every time, up to the noise of the positioning.
    let distance = i64::from(plan.user.wrapping_mul(31).wrapping_add(job.number.wrapping_mul(977)) % 4_800) + 40;
    if dice.chance(3_000) {
        object.decimal("distance_m", distance * 10 + dice.between(0, 9));
    } else {
        object.int("distance_m", distance);
    }
    // Not every screen sends everything.
    if matches!(plan.name, Name::ViewJob | Name::PostJob) {
        object.text("wage_type", job.wage_type);
        object.text("referrer", dice.weighted(world::REFERRERS));
        object.int("position", dice.skewed(0, 120));
        object.title("title", job.title);
    }
    if dice.chance(3_500) {
        object.list("tags", job.tags);
    }
    if matches!(plan.name, Name::ApplySubmit | Name::Hired | Name::PostJob) || dice.chance(1_500) {
        object.object("pay", |pay| {
            pay.int("amount", i64::from(job.wage));
            pay.text("currency", "KRW");
        });
    }
    match plan.name {
        Name::ApplySubmit => {
            object.int("answers", dice.between(0, 4));
            object.flag("has_resume", dice.chance(6_200));
        }
        Name::ShareJob => object.text("channel", dice.pick(&["kakaotalk", "copy_link", "instagram"])),
        Name::ReportJob => object.text("reason", dice.pick(&["허위 공고", "최저시급 미달", "연락 두절"])),
        Name::CloseJob => object.flag("filled", dice.chance(5_500)),
        _ => {}
    }
}

fn chat(object: &mut Object, job: &Job, plan: &Plan, dice: &mut Dice) {
    object.id("job_id", "job_", u64::from(job.number));
    object.text("category", job.category);
    object.int("unread", dice.skewed(0, 12));
    object.id("chat_id", "chat_", u64::from(plan.user) * 1_000 + u64::from(job.number) % 1_000);
    object.text("region", job.region);
    match plan.name {
        Name::ChatMessage => {
            object.text("text", dice.weighted(world::MESSAGES));
            object.flag("has_photo", dice.chance(700));
        }
        Name::ChatOpen => object.text("opened_from", dice.pick(&["push", "job", "chat_list"])),
        Name::InterviewCancelled => object.text("reason", dice.pick(&["일정 변경", "no_show", "다른 곳 합격"])),
        _ => {
            object.text("mode", dice.pick(&["visit", "phone", "video"]));
            object.int("in_days", dice.between(0, 6));
        }
    }
}

fn list(object: &mut Object, name: Name, dice: &mut Dice) {
    match name {
        Name::Search => {
            object.text("query", dice.weighted(world::QUERIES));
            object.int("results", dice.skewed(0, 400));
            object.text("sort", dice.pick(&["near", "recent", "wage"]));
            object.flag("from_history", dice.chance(2_200));
            object.text("region", dice.pick(world::REGIONS));
        }
        Name::FilterChange => {
            let (filter, value) = dice.pick(world::FILTERS);
            object.text("filter", filter);
            object.json("value", value);
            object.int("results", dice.skewed(0, 300));
        }
        _ => {
            object.text("list", dice.pick(&["home_feed", "search", "saved", "near"]));
            object.int("position", dice.skewed(5, 200));
            object.flag("end_reached", dice.chance(400));
            object.decimal("speed", dice.between(3, 180));
        }
    }
    object.text("category", dice.weighted(world::CATEGORIES).name);
}

fn review(object: &mut Object, job: &Job, name: Name, dice: &mut Dice) {
    object.id("company_id", "c_", u64::from(job.number) / 3);
    object.decimal("rating", dice.between(4, 10) * 5);
    object.text("category", job.category);
    if name == Name::ReviewWrite {
        object.text("text", dice.weighted(world::MESSAGES));
        object.list("tags", job.tags);
    } else {
        object.int("position", dice.skewed(0, 30));
    }
}

fn money(object: &mut Object, plan: &Plan, dice: &mut Dice) {
    let amount = dice.between(3, 60) * 1_100;
    object.text("product", dice.pick(&["상단노출 3일", "급구 배지", "동네광고 🚀"]));
    object.text("coupon", dice.pick(&["WELCOME10", "여름특가", "none"]));
    if plan.name == Name::Payment {
        object.int("amount", amount);
        object.text("method", dice.pick(&["card", "kakaopay", "naverpay", "토스"]));
        object.flag("first_payment", dice.chance(2_000));
        object.object("pay", |pay| {
            pay.int("amount", amount);
            pay.text("currency", "KRW");
        });
    } else {
        object.decimal("discount_percent", dice.between(1, 6) * 25);
    }
}

fn notification(object: &mut Object, plan: &Plan, dice: &mut Dice) {
    object
        .text("campaign", dice.pick(&["new_jobs_near_you", "reply_waiting", "주말 알바 모음 🎉", "job_closing_soon"]));
    object.int("badge", dice.skewed(0, 9));
    object.text("channel", dice.weighted(&[("push", 85), ("kakao", 10), ("email", 5)]));
    object.flag("silent", dice.chance(600));
    object.id("job_id", "job_", u64::from(plan.job));
}

fn app(object: &mut Object, name: Name, dice: &mut Dice) {
    match name {
        Name::AppOpen => {
            object.flag("cold_start", dice.chance(6_000));
            object.int("launch_ms", dice.skewed(180, 6_000));
            object.text("source", dice.weighted(&[("icon", 70), ("push", 18), ("deep_link", 9), ("widget", 3)]));
            object.decimal("battery", dice.between(3, 1_000));
        }
        Name::Page => {
            let (title, path) = dice.pick(world::PAGES);
            object.text("name", title);
            object.text("path", path);
            object.text("referrer", dice.weighted(world::REFERRERS));
            object.int("width", dice.pick(&[390, 412, 768, 1_440, 1_920]));
        }
        _ => {
            let (code, message) = dice.pick(world::ERRORS);
            object.text("code", code);
            object.text("message", message);
            object.flag("fatal", dice.chance(300));
            object.int("retries", dice.skewed(0, 5));
        }
    }
}

fn account(object: &mut Object, name: Name, dice: &mut Dice) {
    match name {
        Name::SettingsChange => {
            let (setting, value) = dice.pick(world::SETTINGS);
            object.text("setting", setting);
            object.json("value", value);
        }
        Name::Login | Name::Logout | Name::SignUp => {
            object.text("method", dice.weighted(&[("kakao", 55), ("phone", 25), ("apple", 12), ("naver", 8)]));
            object.flag("success", dice.chance(9_600));
            object.flag("marketing_agreed", dice.chance(4_000));
        }
        Name::PhotoAdd | Name::UploadResume => {
            object
                .text("file", dice.pick(&["이력서_최종.pdf", "프로필 📷.jpg", "resume \"v2\".docx", "IMG_0412.HEIC"]));
            object.int("bytes", dice.skewed(20_000, 9_000_000));
            object.int("count", dice.skewed(1, 6));
        }
        _ => {
            object.list("fields", dice.pick(&[&["name", "photo"][..], &["소개"], &["phone", "region", "tags"], &[]]));
            object.int("completeness", dice.between(10, 100));
            object.flag("verified", dice.chance(7_000));
        }
    }
}

/// A JSON object while it is being written.
struct Object<'a> {
    out: &'a mut String,
    dirt: Dirt,
    /// How many properties it has been given.
    given: u32,
    empty: bool,
}

impl<'a> Object<'a> {
    fn new(out: &'a mut String, dirt: Dirt) -> Self {
        out.push('{');
        Object { out, dirt, given: 0, empty: true }
    }

    fn end(self) {
        self.out.push('}');
    }

    /// Writes a key. False if the value is not wanted.
    fn key(&mut self, key: &str) -> bool {
        let place = self.given;
        self.given += 1;
        if self.dirt == Dirt::Missing(place) {
            return false;
        }
        self.out.push_str(if self.empty { "\"" } else { ",\"" });
        self.empty = false;
        self.out.push_str(key);
        self.out.push_str("\":");
        if self.dirt == Dirt::Null(place) {
            self.out.push_str("null");
            return false;
        }
        true
    }

    /// Writes what is a bare literal in JSON, or a string if the client gets types wrong.
    fn literal(&mut self, key: &str, write: impl FnOnce(&mut String)) {
        if self.key(key) {
            let quote = if self.dirt == Dirt::Mistyped { "\"" } else { "" };
            self.out.push_str(quote);
            write(self.out);
            self.out.push_str(quote);
        }
    }

    fn int(&mut self, key: &str, value: i64) {
        self.literal(key, |out| push_signed(out, value));
    }

    /// A number given in tenths; not negative.
    fn decimal(&mut self, key: &str, tenths: i64) {
        self.literal(key, |out| {
            push_signed(out, tenths / 10);
            out.push('.');
            push_signed(out, tenths % 10);
        });
    }

    fn flag(&mut self, key: &str, value: bool) {
        self.literal(key, |out| out.push_str(if value { "true" } else { "false" }));
    }

    fn text(&mut self, key: &str, value: &str) {
        self.title(key, (value, ""));
    }

    /// A text in two parts.
    fn title(&mut self, key: &str, (start, end): (&str, &str)) {
        if self.key(key) {
            self.out.push('"');
            push_escaped(self.out, start);
            push_escaped(self.out, end);
            self.out.push('"');
        }
    }

    /// A name made of a prefix and a number.
    fn id(&mut self, key: &str, prefix: &str, number: u64) {
        if self.key(key) {
            self.out.push('"');
            self.out.push_str(prefix);
            push_number(self.out, number, 6);
            self.out.push('"');
        }
    }

    fn list(&mut self, key: &str, items: &[&str]) {
        if self.key(key) {
            self.out.push('[');
            for (index, item) in items.iter().enumerate() {
                self.out.push_str(if index == 0 { "\"" } else { ",\"" });
                push_escaped(self.out, item);
                self.out.push('"');
            }
            self.out.push(']');
        }
    }

    /// A value that is JSON already.
    fn json(&mut self, key: &str, value: &str) {
        if self.key(key) {
            self.out.push_str(value);
        }
    }

    /// A nested object, as mistyped as this one.
    fn object(&mut self, key: &str, write: impl FnOnce(&mut Object)) {
        if self.key(key) {
            let dirt = if self.dirt == Dirt::Mistyped { Dirt::Mistyped } else { Dirt::Clean };
            let mut inner = Object::new(self.out, dirt);
            write(&mut inner);
            inner.end();
        }
    }
}

/// The inside of a JSON string. Few texts need escaping, so the others skip it.
fn push_escaped(out: &mut String, text: &str) {
    if text.bytes().any(|byte| byte < 0x20 || byte == b'"' || byte == b'\\') {
        let quoted = serde_json::Value::from(text).to_string();
        out.push_str(&quoted[1..quoted.len() - 1]);
    } else {
        out.push_str(text);
    }
}

/// A number in decimal, with leading zeros up to a width of at most 20.
fn push_number(out: &mut String, mut value: u64, width: usize) {
    let mut digits = [b'0'; 20];
    let mut start = digits.len();
    while value > 0 || digits.len() - start < width {
        start -= 1;
        digits[start] = b'0' + (value % 10) as u8;
        value /= 10;
    }
    digits[start..].iter().for_each(|digit| out.push(char::from(*digit)));
}

fn push_signed(out: &mut String, value: i64) {
    if value < 0 {
        out.push('-');
    }
    push_number(out, value.unsigned_abs(), 1);
}

/// The lowest `digits` hexadecimal digits.
fn push_hex(out: &mut String, value: u64, digits: u32) {
    for place in (0..digits).rev() {
        out.push(char::from(b"0123456789abcdef"[(value >> (4 * place) & 15) as usize]));
    }
}

/// A version 4 UUID of random bits.
fn push_uuid(out: &mut String, high: u64, low: u64) {
    let high = high & !0xf000 | 0x4000;
    let low = low & !(0b11 << 62) | 0b10 << 62;
    push_hex(out, high >> 32, 8);
    out.push('-');
    push_hex(out, high >> 16, 4);
    out.push('-');
    push_hex(out, high, 4);
    out.push('-');
    push_hex(out, low >> 48, 4);
    out.push('-');
    push_hex(out, low, 12);
}

/// `2026-01-31T23:59:59.999` of milliseconds since 1970, without an offset.
///
/// The date is that of Howard Hinnant's `civil_from_days`: years that start in March put the leap day at their end.
pub(super) fn push_date_time(out: &mut String, ms: i64) {
    let days = ms.div_euclid(DAY_MS) + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    let time = ms.rem_euclid(DAY_MS);
    let parts = [
        (year, 4, "-"),
        (month, 2, "-"),
        (day, 2, "T"),
        (time / HOUR_MS, 2, ":"),
        (time / 60_000 % 60, 2, ":"),
        (time / 1_000 % 60, 2, "."),
        (time % 1_000, 3, ""),
    ];
    for (value, width, end) in parts {
        push_number(out, value.unsigned_abs(), width);
        out.push_str(end);
    }
}
