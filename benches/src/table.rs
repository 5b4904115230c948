//! Results: medians, ratios and bars as rows of a Markdown table, which reads as well in a terminal. Owns no measurement.

#![allow(clippy::print_stdout, reason = "a benchmark prints what it found")]

/// The figures of one side, one of each repeat.
#[derive(Clone, Debug, Default)]
pub struct Samples(Vec<f64>);

impl Samples {
    /// Adds the figure of one repeat.
    pub fn add(&mut self, value: f64) {
        self.0.push(value);
        self.0.sort_by(f64::total_cmp);
    }

    /// The one in the middle; the upper of two.
    pub fn median(&self) -> f64 {
        self.0.get(self.0.len() / 2).copied().unwrap_or(f64::NAN)
    }

    /// Median and span, with so many digits after the point.
    pub fn show(&self, digits: usize) -> String {
        let (Some(least), Some(most)) = (self.0.first(), self.0.last()) else { return String::new() };
        format!("{:.digits$} ({least:.digits$} to {most:.digits$})", self.median())
    }
}

impl FromIterator<f64> for Samples {
    fn from_iter<I: IntoIterator<Item = f64>>(values: I) -> Self {
        let mut samples = Self::default();
        values.into_iter().for_each(|value| samples.add(value));
        samples
    }
}

/// Prints a table's head.
pub fn head(columns: &[&str]) {
    row(columns);
    row(&vec!["---"; columns.len()]);
}

/// Prints a row.
pub fn row(cells: &[impl AsRef<str>]) {
    let cells: Vec<&str> = cells.iter().map(AsRef::as_ref).collect();
    println!("| {} |", cells.join(" | "));
}

/// Says whether a figure keeps below its bar.
pub fn at_most(value: f64, bar: Option<f64>) -> String {
    bar.map_or(String::new(), |bar| verdict("≤", bar, value <= bar))
}

/// Says whether a figure reaches its bar.
pub fn at_least(value: f64, bar: Option<f64>) -> String {
    bar.map_or(String::new(), |bar| verdict("≥", bar, value >= bar))
}

fn verdict(sign: &str, bar: f64, met: bool) -> String {
    format!("{sign} {bar}: {}", if met { "met" } else { "**missed**" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_median_is_the_middle_whatever_the_order() {
        let samples: Samples = [3.0, 1.0, 2.0].into_iter().collect();
        assert_eq!(samples.show(1), "2.0 (1.0 to 3.0)");
        assert!(Samples::default().median().is_nan());
    }

    #[test]
    fn a_bar_is_met_by_its_own_value() {
        assert_eq!(at_most(1.25, Some(1.25)), "≤ 1.25: met");
        assert_eq!(at_least(39_999.0, Some(40_000.0)), "≥ 40000: **missed**");
        assert_eq!(at_most(1.0, None), "");
    }
}
