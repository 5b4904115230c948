//! What must not be: `--fail-if 'p99>10ms'`. Owns the little language and its judgement over a [`Ledger`]; what follows from it is the caller's business. Pure.

use std::fmt;
use std::str::FromStr;

use crate::ledger::{Count, Ledger, Timing};

/// A condition under which a run has failed.
#[derive(Clone, Debug, PartialEq)]
pub struct Threshold {
    text: String,
    what: What,
    above: bool,
    or_equal: bool,
    value: f64,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum What {
    Count(Count),
    /// All errors.
    Errors,
    /// Messages answered in a second.
    Rate,
    /// A quantile of a timing, in milliseconds; of the run's main one if none is named.
    Quantile(Option<Timing>, f64),
}

/// What a threshold is judged by.
#[derive(Clone, Copy, Debug)]
pub struct Judged<'a> {
    /// The figures of the run.
    pub ledger: &'a Ledger,
    /// Those that mattered most.
    pub main: Timing,
    /// Messages answered in a second.
    pub rate: f64,
}

impl Threshold {
    /// The value that crossed the threshold, or `None` if none did. A time of which there is no measurement crosses every upper bound: nothing came back to be
    /// measured.
    pub fn crossed(&self, judged: &Judged<'_>) -> Option<f64> {
        let value = match self.what {
            What::Count(count) => judged.ledger.of(count) as f64,
            What::Errors => judged.ledger.error_count() as f64,
            What::Rate => judged.rate,
            What::Quantile(timing, share) => match judged.ledger.times(timing.unwrap_or(judged.main)) {
                Some(times) => times.quantile_ms(share),
                None if self.above => f64::INFINITY,
                None => 0.0,
            },
        };
        let crossed = if self.above { value > self.value } else { value < self.value };
        (crossed || (self.or_equal && value.to_bits() == self.value.to_bits())).then_some(value)
    }
}

impl fmt::Display for Threshold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl FromStr for Threshold {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let at = text.find(['<', '>']).ok_or("has no < or > (expected something like p99>10ms)")?;
        let (name, rest) = (text[..at].trim(), &text[at + 1..]);
        let (or_equal, value) = match rest.strip_prefix('=') {
            Some(value) => (true, value.trim()),
            None => (false, rest.trim()),
        };
        let what = what(name)?;
        let value = match what {
            What::Quantile(..) => milliseconds(value)?,
            What::Count(_) | What::Errors | What::Rate => number(value)?,
        };
        let above = text.as_bytes()[at] == b'>';
        Ok(Self { text: text.to_owned(), what, above, or_equal, value })
    }
}

fn what(name: &str) -> Result<What, String> {
    if let Some(count) = Count::from_name(name) {
        return Ok(What::Count(count));
    }
    match name {
        "errors" => return Ok(What::Errors),
        "rate" => return Ok(What::Rate),
        _ => {}
    }
    let (timing, quantile) = match name.split_once('.') {
        Some((timing, quantile)) if Timing::from_name(timing).is_some() => {
            (Timing::from_name(timing), quantile)
        }
        _ => (None, name),
    };
    let share = match quantile {
        "max" => Some(1.0),
        _ => quantile.strip_prefix('p').and_then(|percent| percent.parse::<f64>().ok()).map(|p| p / 100.0),
    };
    match share.filter(|share| (0.0..=1.0).contains(share)) {
        Some(share) => Ok(What::Quantile(timing, share)),
        None => {
            let counts: Vec<_> = Count::ALL.iter().map(|count| count.name()).collect();
            let timings: Vec<_> = Timing::ALL.iter().map(|timing| timing.name()).collect();
            Err(format!(
                "names no figure (there are: rate, errors, {}; p50, p99.9, max and the like, alone or behind {} and a dot)",
                counts.join(", "),
                timings.join(", ")
            ))
        }
    }
}

fn number(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(number) if number.is_finite() && number >= 0.0 => Ok(number),
        _ => Err("has no number behind its < or >".into()),
    }
}

fn milliseconds(text: &str) -> Result<f64, String> {
    // The longer unit is asked for first: every one ends in "s".
    let units = [("ms", 1.0), ("us", 1e-3), ("µs", 1e-3), ("s", 1e3)];
    let unit = units.iter().find_map(|(unit, factor)| Some((text.strip_suffix(unit)?, factor)));
    let (value, factor) = unit.ok_or("has no time behind its < or > (expected something like 10ms)")?;
    Ok(number(value.trim())? * factor)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn crossed(text: &str) -> Option<f64> {
        let mut ledger = Ledger::new(3);
        (1..=100).for_each(|ms| ledger.time(Timing::Echo, ms * 1_000_000));
        ledger.count(Count::Missed, 3);
        ledger.error("x", 2);
        let judged = Judged { ledger: &ledger, main: Timing::Echo, rate: 900.0 };
        text.parse::<Threshold>().unwrap().crossed(&judged)
    }

    #[test]
    fn figures_are_compared_as_written() {
        for text in
            ["p50>49ms", "p99 > 0.01s", "max>99000us", "echo.p10<11ms", "missed>2", "errors>=2", "rate<1000"]
        {
            assert!(crossed(text).is_some(), "{text}");
        }
        for text in ["p50>51ms", "p99<50ms", "missed>3", "errors>2", "lost>0", "rate<900"] {
            assert_eq!(crossed(text), None, "{text}");
        }
    }

    #[test]
    fn what_was_never_measured_is_no_success() {
        assert_eq!(crossed("ack.p99>1s"), Some(f64::INFINITY));
    }

    #[test]
    fn what_is_no_threshold_is_refused_with_what_there_is() {
        for (text, why) in [
            ("p99", "no < or >"),
            ("p99>10", "no time"),
            ("p101>1ms", "names no figure"),
            ("speed>1", "names no figure"),
            ("nothing.p99>1ms", "names no figure"),
            ("missed>many", "no number"),
            ("missed>-1", "no number"),
            ("p99>infs", "no number"),
        ] {
            let error = text.parse::<Threshold>().unwrap_err();
            assert!(error.contains(why), "{text}: {error}");
        }
    }
}
