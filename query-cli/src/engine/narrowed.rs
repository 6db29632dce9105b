//! What the filters of a statement say about the rows that can pass.
//!
//! ```text
//! WHERE event IN ('view', 'buy') AND time >= '2026-01-02' AND property(properties, 'tab') = 'new'
//!
//!   events  {view, buy}     rows of other names are left out before anything else is made of them
//!   time    from Jan 2      files that end before it are not opened
//!   users   any             else: only the buckets of those users are read
//! ```
//!
//! It is never exact, and need not be: what is left is filtered again. A filter that is not understood narrows nothing.

use std::collections::BTreeSet;

use arrow::datatypes::{DataType, TimeUnit};
use datafusion::common::ScalarValue;
use datafusion::logical_expr::{Expr, Operator};
use weir_core::time::DAY_MS;
use weir_lake::schema::{EVENT, RECEIVED_AT, TIME, USER};

/// Microseconds since 1970, inclusive.
pub type Span = (i64, i64);

const ALWAYS: Span = (i64::MIN, i64::MAX);
const DAY_MICROS: i64 = DAY_MS * 1000;

/// Which rows can pass.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Narrowed {
    /// When they happened.
    pub time: Span,
    /// When they arrived.
    pub received: Span,
    /// Their names; `None` for all.
    pub events: Option<BTreeSet<String>>,
    /// Whose they are; `None` for everybody's.
    pub users: Option<BTreeSet<String>>,
}

impl Default for Narrowed {
    fn default() -> Self {
        Self { time: ALWAYS, received: ALWAYS, events: None, users: None }
    }
}

impl Narrowed {
    /// By filters that all must hold.
    pub fn by(filters: &[Expr]) -> Self {
        filters.iter().fold(Self::default(), |narrowed, filter| narrowed.and(Self::of(filter)))
    }

    /// By one filter.
    pub fn of(filter: &Expr) -> Self {
        match filter {
            Expr::Alias(alias) => Self::of(&alias.expr),
            Expr::BinaryExpr(binary) => match binary.op {
                Operator::And => Self::of(&binary.left).and(Self::of(&binary.right)),
                Operator::Or => Self::of(&binary.left).or(Self::of(&binary.right)),
                op => compare(&binary.left, op, &binary.right)
                    .or_else(|| compare(&binary.right, op.swap()?, &binary.left))
                    .unwrap_or_default(),
            },
            Expr::Between(between) if !between.negated => {
                let from = compare(&between.expr, Operator::GtEq, &between.low).unwrap_or_default();
                from.and(compare(&between.expr, Operator::LtEq, &between.high).unwrap_or_default())
            }
            Expr::InList(list) if !list.negated => {
                let each = list.list.iter().map(|value| compare(&list.expr, Operator::Eq, value).unwrap_or_default());
                each.reduce(Self::or).unwrap_or_default()
            }
            _ => Self::default(),
        }
    }

    /// Whether everything can pass.
    pub fn is_everything(&self) -> bool {
        *self == Self::default()
    }

    fn and(self, other: Self) -> Self {
        let span = |a: Span, b: Span| (a.0.max(b.0), a.1.min(b.1));
        let names = |a: Option<BTreeSet<String>>, b: Option<BTreeSet<String>>| match (a, b) {
            (Some(a), Some(b)) => Some(&a & &b),
            (a, b) => a.or(b),
        };
        Self {
            time: span(self.time, other.time),
            received: span(self.received, other.received),
            events: names(self.events, other.events),
            users: names(self.users, other.users),
        }
    }

    fn or(self, other: Self) -> Self {
        let span = |a: Span, b: Span| (a.0.min(b.0), a.1.max(b.1));
        let names = |a: Option<BTreeSet<String>>, b: Option<BTreeSet<String>>| Some(&a? | &b?);
        Self {
            time: span(self.time, other.time),
            received: span(self.received, other.received),
            events: names(self.events, other.events),
            users: names(self.users, other.users),
        }
    }
}

/// `column op literal`; `None` where it is something else.
fn compare(column: &Expr, op: Operator, literal: &Expr) -> Option<Narrowed> {
    let (name, seen_as) = column_of(column)?;
    let Expr::Literal(value, _) = literal else { return None };
    let everything = Narrowed::default();
    match name {
        EVENT | USER if op == Operator::Eq => {
            let text = BTreeSet::from([value.try_as_str()??.to_owned()]);
            Some(match name {
                EVENT => Narrowed { events: Some(text), ..everything },
                _ => Narrowed { users: Some(text), ..everything },
            })
        }
        TIME | RECEIVED_AT => {
            let (from, to) = instants(value, seen_as)?;
            let span = match op {
                Operator::Eq => (from, to),
                Operator::Gt | Operator::GtEq => (from, i64::MAX),
                Operator::Lt | Operator::LtEq => (i64::MIN, to),
                _ => return None,
            };
            Some(match name {
                TIME => Narrowed { time: span, ..everything },
                _ => Narrowed { received: span, ..everything },
            })
        }
        _ => None,
    }
}

/// The column that an expression stands for, and the type that it is cast to, if it is.
fn column_of(expr: &Expr) -> Option<(&str, Option<&DataType>)> {
    match expr {
        Expr::Column(column) => Some((&column.name, None)),
        Expr::Cast(cast) => match cast.expr.as_ref() {
            Expr::Column(column) => Some((&column.name, Some(cast.field.data_type()))),
            _ => None,
        },
        _ => None,
    }
}

/// Microseconds that equal a literal, for a time that is cast to a type before it is compared.
fn instants(value: &ScalarValue, seen_as: Option<&DataType>) -> Option<Span> {
    // A cast to a coarser unit makes one of many instants, which would have to be told apart from casts of the literal.
    let is_fine = |unit: &TimeUnit| matches!(unit, TimeUnit::Microsecond | TimeUnit::Nanosecond);
    match seen_as {
        None => {}
        Some(DataType::Timestamp(unit, _)) if is_fine(unit) => {}
        Some(DataType::Date32) => {
            let ScalarValue::Date32(day) = value else { return None };
            let from = i64::from((*day)?) * DAY_MICROS;
            return Some((from, from + DAY_MICROS - 1));
        }
        Some(_) => return None,
    }
    let exactly = |micros: i64| (micros, micros);
    match *value {
        ScalarValue::TimestampSecond(seconds, _) => Some(exactly(seconds?.saturating_mul(1_000_000))),
        ScalarValue::TimestampMillisecond(millis, _) => Some(exactly(millis?.saturating_mul(1_000))),
        ScalarValue::TimestampMicrosecond(micros, _) => Some(exactly(micros?)),
        ScalarValue::TimestampNanosecond(nanos, _) => {
            let micros = nanos?.div_euclid(1_000);
            Some((micros, micros + 1))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use datafusion::logical_expr::{cast, col, lit};

    use super::*;

    fn at(micros: i64) -> Expr {
        lit(ScalarValue::TimestampMicrosecond(Some(micros), Some("UTC".into())))
    }

    fn names(names: &[&str]) -> Option<BTreeSet<String>> {
        Some(names.iter().map(|name| (*name).to_owned()).collect())
    }

    #[test]
    fn what_is_understood_narrows() {
        let of = |filter: Expr| Narrowed::of(&filter);
        assert_eq!(of(col("event").eq(lit("view"))).events, names(&["view"]));
        assert_eq!(of(lit("view").eq(col("event"))).events, names(&["view"]));
        assert_eq!(of(col("event").in_list(vec![lit("a"), lit("b")], false)).events, names(&["a", "b"]));
        assert_eq!(of(col("event").eq(lit("a")).or(col("event").eq(lit("b")))).events, names(&["a", "b"]));
        assert_eq!(of(col("user").eq(lit("u1")).and(col("user").eq(lit("u2")))).users, names(&[]));
        assert_eq!(of(col("time").gt_eq(at(5)).and(col("time").lt(at(9)))).time, (5, 9));
        assert_eq!(of(at(5).lt(col("time"))).time, (5, i64::MAX));
        assert_eq!(of(col("time").between(at(5), at(9))).time, (5, 9));
        assert_eq!(of(col("received_at").lt_eq(at(9))).received, (i64::MIN, 9));
        // An OR is as wide as both sides together.
        let wide = of(col("time").eq(at(5)).or(col("time").eq(at(7)).and(col("event").eq(lit("a")))));
        assert_eq!((wide.time, wide.events), ((5, 7), None));
        assert_eq!(Narrowed::by(&[col("time").gt_eq(at(5)), col("event").eq(lit("a"))]).time, (5, i64::MAX));
    }

    #[test]
    fn a_day_is_all_its_instants() {
        let day = cast(col("time"), DataType::Date32).eq(lit(ScalarValue::Date32(Some(2))));
        assert_eq!(Narrowed::of(&day).time, (2 * DAY_MICROS, 3 * DAY_MICROS - 1));
        let nanos = cast(col("time"), DataType::Timestamp(TimeUnit::Nanosecond, None));
        let filter = nanos.gt(lit(ScalarValue::TimestampNanosecond(Some(1_500), None)));
        assert_eq!(Narrowed::of(&filter).time, (1, i64::MAX));
    }

    #[test]
    fn what_is_not_understood_narrows_nothing() {
        let seconds = cast(col("time"), DataType::Timestamp(TimeUnit::Second, None));
        for filter in [
            col("event").not_eq(lit("view")),
            col("event").eq(col("source")),
            col("event").eq(lit("view")).or(col("source").eq(lit("app"))),
            col("event").in_list(vec![lit("a"), col("source")], false),
            col("event").in_list(vec![lit("a")], true),
            col("event").eq(lit(ScalarValue::Utf8(None))),
            col("time").between(at(5), at(9)).is_true(),
            seconds.lt(lit(ScalarValue::TimestampSecond(Some(1), None))),
            col("p_event").eq(lit("view")),
        ] {
            assert!(Narrowed::of(&filter).is_everything(), "{filter}");
        }
    }
}
