//! What the town is made of: event names and how common they are, the week's rhythm, and all words and texts.
//!
//! Tables only. A list of (item, weight) is drawn from in proportion to the weights, which need not add up to
//! anything.

use super::HOUR_MS;

/// Declares [`Name`] and what each one is called in an event.
macro_rules! names {
    ($($variant:ident => $text:literal,)*) => {
        /// The name of an event.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(super) enum Name { $(#[doc = $text] $variant,)* }

        impl Name {
            /// The value of the field `event`.
            pub(super) fn text(self) -> &'static str {
                match self { $(Name::$variant => $text,)* }
            }

            /// Every name there is.
            #[cfg(test)]
            pub(super) const ALL: &[Name] = &[$(Name::$variant,)*];
        }
    };
}

names! {
    ViewJob => "view_job",
    ApplyStart => "apply_start",
    ApplySubmit => "apply_submit",
    ChatOpen => "chat_open",
    Hired => "hired",
    AppOpen => "app_open",
    Page => "page",
    Search => "search",
    FilterChange => "filter_change",
    ListScroll => "list_scroll",
    ViewCompany => "view_company",
    SaveJob => "save_job",
    UnsaveJob => "unsave_job",
    ShareJob => "share_job",
    ViewMap => "view_map",
    ViewProfile => "view_profile",
    EditProfile => "edit_profile",
    UploadResume => "upload_resume",
    PhotoAdd => "photo_add",
    ChatMessage => "chat_message",
    CallEmployer => "call_employer",
    InterviewScheduled => "interview_scheduled",
    InterviewCancelled => "interview_cancelled",
    NotificationReceive => "notification_receive",
    NotificationOpen => "notification_open",
    SettingsChange => "settings_change",
    Login => "login",
    Logout => "logout",
    SignUp => "sign_up",
    ReviewWrite => "review_write",
    ReviewRead => "review_read",
    ReportJob => "report_job",
    CouponView => "coupon_view",
    PostJob => "post_job",
    EditJob => "edit_job",
    CloseJob => "close_job",
    Payment => "payment",
    ErrorShown => "error_shown",
}

/// What somebody who looks for a job does next in a session.
pub(super) const SEEKER_DOES: &[(Name, u32)] = &[
    (Name::ViewJob, 375),
    (Name::ListScroll, 200),
    (Name::Search, 105),
    (Name::FilterChange, 55),
    (Name::SaveJob, 42),
    (Name::ViewCompany, 38),
    (Name::ViewMap, 30),
    (Name::Page, 30),
    (Name::ReviewRead, 20),
    (Name::ShareJob, 12),
    (Name::UnsaveJob, 12),
    (Name::CallEmployer, 10),
    (Name::EditProfile, 10),
    (Name::ErrorShown, 9),
    (Name::ViewProfile, 8),
    (Name::CouponView, 8),
    (Name::PhotoAdd, 5),
    (Name::UploadResume, 5),
    (Name::SettingsChange, 5),
    (Name::ReviewWrite, 3),
    (Name::ReportJob, 2),
];

/// What somebody who offers jobs does next in a session.
pub(super) const EMPLOYER_DOES: &[(Name, u32)] = &[
    (Name::ViewProfile, 240),
    (Name::ChatMessage, 220),
    (Name::ChatOpen, 110),
    (Name::EditJob, 90),
    (Name::Page, 80),
    (Name::PostJob, 60),
    (Name::ViewJob, 60),
    (Name::ReviewRead, 50),
    (Name::InterviewScheduled, 40),
    (Name::Payment, 36),
    (Name::CloseJob, 30),
    (Name::CouponView, 30),
    (Name::PhotoAdd, 24),
    (Name::SettingsChange, 14),
    (Name::ErrorShown, 10),
    (Name::InterviewCancelled, 8),
];

/// How many things are done in a session. The mean is a little over seven.
pub(super) const SESSION_LENGTHS: &[u32] = &[1, 1, 2, 2, 3, 3, 3, 4, 4, 5, 5, 6, 7, 8, 10, 12, 15, 20, 28];

/// Part of the users, in hundred thousandths, how active each is compared with the others (in hundredths), and how
/// often they apply for a job they look at (in ten thousandths). Many small tiers stand in for a power law. The most
/// active user of a large town sends about two thousand events, whatever the size of the town.
pub(super) const TIERS: &[Tier] = &[
    Tier { users: 10, activity: 60_000, applies: 600 },
    Tier { users: 30, activity: 25_000, applies: 800 },
    Tier { users: 100, activity: 4_000, applies: 1_000 },
    Tier { users: 400, activity: 2_000, applies: 1_200 },
    Tier { users: 1_500, activity: 900, applies: 1_500 },
    Tier { users: 6_000, activity: 400, applies: 2_000 },
    Tier { users: 16_000, activity: 180, applies: 3_000 },
    Tier { users: 30_000, activity: 80, applies: 4_200 },
    Tier { users: 45_960, activity: 30, applies: 5_000 },
];

/// Users who are equally active.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tier {
    /// Its part of all users, in hundred thousandths.
    pub users: u64,
    /// How active each is, in hundredths.
    pub activity: u64,
    /// The chance of applying for a job looked at, in ten thousandths.
    pub applies: u32,
}

/// How likely a user comes back, by days since the first visit: (up to this many days, in ten thousandths).
pub(super) const RETURNS: &[(i64, u32)] =
    &[(0, 10_000), (1, 3_000), (3, 2_000), (6, 1_400), (13, 1_000), (29, 700), (i64::MAX, 450)];

const WORKDAY_HOURS: [u32; 24] =
    [30, 16, 9, 6, 5, 8, 22, 52, 78, 74, 70, 72, 96, 84, 70, 68, 70, 80, 92, 96, 104, 112, 98, 62];
const WEEKEND_HOURS: [u32; 24] =
    [44, 28, 16, 9, 6, 7, 12, 24, 42, 62, 78, 84, 86, 86, 84, 80, 78, 76, 76, 80, 86, 88, 80, 56];
/// Monday to Sunday.
const WEEKDAYS: [u32; 7] = [116, 108, 102, 100, 92, 78, 88];

/// How busy the town is at an instant, in Korean time, which has no daylight saving.
pub(super) fn busyness(ms: i64) -> u32 {
    let hours = ms.div_euclid(HOUR_MS) + 9;
    let hour = hours.rem_euclid(24) as usize;
    // 1970-01-01 was a Thursday.
    let weekday = (hours.div_euclid(24) + 3).rem_euclid(7) as usize;
    WEEKDAYS[weekday] * if weekday < 5 { WORKDAY_HOURS[hour] } else { WEEKEND_HOURS[hour] }
}

/// Kinds of job, the titles that belong to them, and how common they are.
pub(super) const CATEGORIES: &[(Category, u32)] = &[
    (
        Category {
            name: "카페", titles: &["주말 카페 알바", "오픈 바리스타 모집", "디저트 카페 마감 스태프"]
        },
        19,
    ),
    (
        Category {
            name: "편의점", titles: &["편의점 야간 알바", "평일 오전 편의점", "편의점 주말 대타"]
        },
        18,
    ),
    (
        Category {
            name: "음식점", titles: &["홀서빙 구해요", "주방 보조 모집", "고깃집 저녁 서빙"]
        },
        17,
    ),
    (
        Category {
            name: "배달", titles: &["도보 배달 같이 해요", "자전거 배달 파트너", "반찬가게 오토바이 배달"]
        },
        9,
    ),
    (
        Category {
            name: "매장관리", titles: &["의류 매장 판매", "화장품 매장 스태프", "문구점 계산대"]
        },
        9,
    ),
    (
        Category {
            name: "물류·포장", titles: &["택배 상하차 당일 지급", "온라인몰 포장 알바", "새벽 물류센터"]
        },
        8,
    ),
    (
        Category {
            name: "학원·과외", titles: &["초등 수학 과외", "영어학원 보조교사", "피아노 선생님 모십니다"]
        },
        6,
    ),
    (
        Category {
            name: "청소", titles: &["사무실 아침 청소", "에어비앤비 청소", "계단 청소 주 2회"]
        },
        5,
    ),
    (
        Category {
            name: "사무보조", titles: &["단기 문서 입력", "세무사무소 보조", "전화 응대 재택"]
        },
        4,
    ),
    (
        Category {
            name: "pet_care", titles: &["강아지 산책 시켜주실 분", "고양이 방문 돌봄", "Dog walker 구합니다"]
        },
        2,
    ),
    (
        Category {
            name: "이벤트·행사", titles: &["팝업스토어 안내", "웨딩홀 주말 서빙", "콘서트 진행 요원"]
        },
        2,
    ),
    (
        Category {
            name: "moving", titles: &["소파 같이 옮겨주세요", "원룸 이사 도우미", "가구 조립 도움"]
        },
        1,
    ),
];

/// A kind of job.
#[derive(Debug, Clone, Copy)]
pub(super) struct Category {
    /// The value of `category`.
    pub name: &'static str,
    /// What such jobs are titled.
    pub titles: &'static [&'static str],
}

/// Neighbourhoods. Job `n` is in the one at `n` modulo their number.
pub(super) const REGIONS: &[&str] = &[
    "강남구 역삼동",
    "서초구 서초동",
    "송파구 잠실동",
    "마포구 서교동",
    "관악구 신림동",
    "성동구 성수동",
    "광진구 화양동",
    "영등포구 여의도동",
    "은평구 불광동",
    "노원구 상계동",
    "성남시 분당구",
    "수원시 영통구",
    "고양시 일산동구",
    "부산 해운대구",
    "대구 수성구",
    "제주시 애월읍",
];

/// Put behind a title.
pub(super) const TITLE_ENDS: &[(&str, u32)] = &[
    ("", 55),
    (" ☕️", 6),
    (" 🙌", 5),
    (" (급구!)", 6),
    (" 🔥당일지급🔥", 4),
    (" 👩‍🍳👨‍🍳", 3),
    (" ~초보 환영~", 6),
    (" ⭐️⭐️⭐️⭐️⭐️", 2),
    (" — 역에서 3분", 5),
    (" 🐶", 2),
];

/// Titles that trip up careless software: quotes, backslashes, control characters, decomposed Hangul, combining
/// accents, right-to-left text, a family of one glyph, zero-width characters, and markup.
pub(super) const ODD_TITLES: &[&str] = &[
    "\"가족같은\" 분위기의 카페",
    "C:\\알바\\모집 공고.txt",
    "평일 오전\n주 5일\t협의",
    "\u{1112}\u{1161}\u{11ab}\u{1100}\u{1173}\u{11af} 과외 선생님",
    "Cafe\u{301} Crème bru\u{302}le\u{301}e 바리스타",
    "مطلوب عامل مقهى ☕️ (이태원)",
    "דרוש עובד — 통역 알바",
    "👨‍👩‍👧‍👦 아이 돌봄 🇰🇷",
    "투잡\u{200b}가능\u{feff} 물류",
    "<b>최고 시급</b> & 'VIP' 대우",
    "Z\u{351}\u{36b}a\u{343}\u{36a}l\u{302}\u{34c}g\u{351}\u{357}o 방탈출 카페",
    "Nhân viên phục vụ quán phở 🍜",
];

/// What people search for.
pub(super) const QUERIES: &[(&str, u32)] = &[
    ("카페", 30),
    ("편의점 야간", 22),
    ("주말 알바", 20),
    ("단기", 16),
    ("당일지급", 14),
    ("서빙", 12),
    ("과외", 8),
    ("강아지 산책 🐶", 5),
    ("재택 알바", 9),
    ("phục vụ", 2),
    ("part time english", 3),
    ("ㅋㅏ페", 1),
    ("시급 15,000원 이상", 4),
    ("\"스타벅스\"", 2),
    ("물류\\포장", 1),
    ("\u{110f}\u{1161}\u{1111}\u{1166}", 1),
    ("عمل", 1),
    ("cafe\u{301}", 1),
    (" ", 1),
];

/// Texts of messages and reviews.
pub(super) const MESSAGES: &[(&str, u32)] = &[
    ("안녕하세요! 지원하고 싶어요 🙏", 20),
    ("혹시 아직 구하시나요?", 18),
    ("네 내일 3시에 뵐게요~", 14),
    ("사장님이 정말 친절하세요 👍👍", 9),
    ("경력은 6개월 정도 있습니다.", 8),
    ("시급이 \"협의\"라고 되어 있는데 얼마인가요?", 6),
    ("ㅠㅠ 그날은 어려울 것 같아요", 6),
    ("감사합니다 😊\n연락 기다리겠습니다!", 6),
    ("Xin chào, em muốn ứng tuyển ạ", 2),
    ("위치: 2층\\뒷문", 1),
    ("شكرا جزيلا 🌙", 1),
    ("정말 최악… 시급도 늦게 줌 😡", 2),
];

/// Labels of jobs; a job has a run of neighbours of this list.
pub(super) const TAGS: &[&str] =
    &["초보가능", "주말", "야간", "단기", "식사제공", "당일지급", "친구와함께", "🌱신규", "역세권", "4대보험"];

/// What an error tells the user.
pub(super) const ERRORS: &[(&str, &str)] = &[
    ("network_timeout", "네트워크 연결을 확인해 주세요"),
    ("json_parse", "unexpected token '<' in \"{\\\"ok\\\"\" at C:\\app\\bundle.js:1"),
    ("payment_declined", "카드 승인이 거절되었습니다 (코드: 51)"),
    ("image_too_large", "사진은 10MB까지 올릴 수 있어요 📷"),
    ("http_500", "잠시 후 다시 시도해 주세요"),
];

/// Where a view of a job comes from.
pub(super) const REFERRERS: &[(&str, u32)] = &[
    ("home_feed", 40),
    ("search", 28),
    ("map", 8),
    ("push", 8),
    ("saved", 6),
    ("https://search.naver.com/search.naver?query=%EC%95%8C%EB%B0%94", 4),
    ("share_kakao", 4),
];

/// Pages of the website.
pub(super) const PAGES: &[(&str, &str)] = &[
    ("홈", "/"),
    ("알바 목록", "/jobs"),
    ("동네 알바", "/jobs/near"),
    ("내 지원", "/me/applications"),
    ("도움말", "/help?q=%EC%8B%9C%EA%B8%89"),
];

/// Filters and the values they are set to, as JSON: the type differs on purpose.
pub(super) const FILTERS: &[(&str, &str)] = &[
    ("category", "[\"카페\",\"편의점\"]"),
    ("min_wage", "12000"),
    ("distance_km", "1.5"),
    ("weekdays", "[6,7]"),
    ("urgent_only", "true"),
    ("period", "\"단기\""),
    ("region", "null"),
];

/// Settings and their new values, as JSON.
pub(super) const SETTINGS: &[(&str, &str)] =
    &[("push", "true"), ("push", "false"), ("marketing", "false"), ("theme", "\"dark\""), ("radius_km", "3")];

/// The app on Android phones.
pub(super) const ANDROID: Platform = Platform {
    name: "android",
    versions: &["14", "15", "13", "12"],
    models: &["SM-S921N", "SM-A546S", "SM-F741N", "SM-G998N", "Pixel 8"],
};

/// The app on iPhones.
pub(super) const IOS: Platform = Platform {
    name: "ios",
    versions: &["18.3.1", "17.6.1", "18.1", "16.7.10"],
    models: &["iPhone16,1", "iPhone15,4", "iPhone14,5", "iPhone17,3"],
};

/// The website; its versions are those of Windows, its models browsers.
pub(super) const WEB: Platform = Platform {
    name: "web",
    versions: &["10.0", "11"],
    models: &["Chrome 134", "Whale 4.30", "Edge 133", "Firefox 136"],
};

/// What an app runs on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Platform {
    /// The value of `context.platform`.
    pub name: &'static str,
    /// Values of `context.os.version`.
    pub versions: &'static [&'static str],
    /// Values of `context.device.model`.
    pub models: &'static [&'static str],
}

/// The platforms and how common they are.
pub(super) const PLATFORMS: &[(Platform, u32)] = &[(ANDROID, 55), (IOS, 30), (WEB, 15)];

/// Languages of the users.
pub(super) const LOCALES: &[(&str, u32)] = &[("ko-KR", 88), ("en-US", 7), ("vi-VN", 5)];

/// Releases of the app, two weeks apart.
pub(super) const APP_VERSIONS: &[&str] = &["5.8.2", "5.9.0", "5.9.1", "5.10.0", "5.11.0", "5.12.0", "5.12.1", "5.13.0"];
