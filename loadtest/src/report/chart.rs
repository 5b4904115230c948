//! Curves as SVG, without a script or anything from elsewhere: [`Chart`]. Owns axes, ticks and colours; what is drawn is told by its caller.

use std::fmt::Write as _;

const WIDTH: f64 = 860.0;
const HEIGHT: f64 = 260.0;
const LEFT: f64 = 70.0;
const BOTTOM: f64 = 40.0;
const TOP: f64 = 12.0;
/// Room for half of the last tick's label.
const RIGHT: f64 = 30.0;
/// Points of a curve that are drawn, at most: there are no more pixels.
const POINTS_MAX: usize = 1600;

/// Some curves over one axis.
pub(super) struct Chart {
    pub(super) x_name: &'static str,
    pub(super) y_name: &'static str,
    /// What stands at places of the x axis; none: numbers.
    pub(super) x_ticks: Vec<(f64, String)>,
    /// The y axis is logarithmic.
    pub(super) logarithmic: bool,
    /// Names and points, from left to right.
    pub(super) curves: Vec<(String, Vec<(f64, f64)>)>,
}

impl Chart {
    /// The picture and its legend; nothing if there is nothing to draw.
    pub(super) fn draw(&self) -> String {
        let points = || self.curves.iter().flat_map(|(_, points)| points);
        let Some(frame) = Frame::around(points(), self.logarithmic) else { return String::new() };
        let mut svg = format!("<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\">");
        self.axes(&frame, &mut svg);
        for (place, (name, points)) in self.curves.iter().enumerate() {
            let step = points.len().div_ceil(POINTS_MAX).max(1);
            let mut path = String::new();
            for (x, y) in points.iter().step_by(step) {
                let _ = write!(path, "{:.1},{:.1} ", frame.x(*x), frame.y(*y));
            }
            let _ = write!(svg, "<polyline class=\"curve c{place}\" points=\"{path}\"/>");
            for (x, y) in points.iter().step_by(points.len().div_ceil(120).max(1)) {
                let (cx, cy) = (frame.x(*x), frame.y(*y));
                let _ = write!(
                    svg,
                    "<circle class=\"dot c{place}\" cx=\"{cx:.1}\" cy=\"{cy:.1}\" r=\"6\"><title>{}: {} at {}</title></circle>",
                    escaped(name),
                    short(*y),
                    self.x_text(*x)
                );
            }
        }
        svg.push_str("</svg><p class=\"legend\">");
        for (place, (name, _)) in self.curves.iter().enumerate() {
            let _ = write!(svg, "<span><i class=\"c{place}\"></i>{}</span>", escaped(name));
        }
        svg.push_str("</p>");
        svg
    }

    fn x_text(&self, x: f64) -> String {
        let near = self.x_ticks.iter().find(|(at, _)| (at - x).abs() < 1e-9);
        near.map_or_else(|| short(x), |(_, text)| text.clone())
    }

    fn axes(&self, frame: &Frame, svg: &mut String) {
        let (bottom, right) = (HEIGHT - BOTTOM, WIDTH - RIGHT);
        for tick in frame.y_ticks() {
            let y = frame.y(tick);
            let _ = write!(
                svg,
                "<line class=\"grid\" x1=\"{LEFT}\" x2=\"{right}\" y1=\"{y:.1}\" y2=\"{y:.1}\"/><text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
                LEFT - 6.0,
                y + 4.0,
                short(tick)
            );
        }
        let numbers = || steps(frame.x_min, frame.x_max, 8).into_iter().map(|tick| (tick, short(tick)));
        let ticks: Vec<_> = if self.x_ticks.is_empty() { numbers().collect() } else { self.x_ticks.clone() };
        for (tick, text) in ticks {
            let x = frame.x(tick);
            let _ = write!(
                svg,
                "<text x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>",
                bottom + 16.0,
                escaped(&text)
            );
        }
        let _ = write!(
            svg,
            "<line class=\"axis\" x1=\"{LEFT}\" x2=\"{right}\" y1=\"{bottom}\" y2=\"{bottom}\"/><text x=\"{right}\" y=\"{:.1}\" text-anchor=\"end\">{}</text><text class=\"unit\" transform=\"translate(14,{:.1}) rotate(-90)\" text-anchor=\"middle\">{}</text>",
            HEIGHT - 6.0,
            escaped(self.x_name),
            f64::midpoint(HEIGHT - BOTTOM, TOP),
            escaped(self.y_name)
        );
    }
}

/// From values to places in the picture.
struct Frame {
    x_min: f64,
    x_max: f64,
    y_min: f64,
    y_max: f64,
    logarithmic: bool,
}

impl Frame {
    fn around<'a>(points: impl Iterator<Item = &'a (f64, f64)>, logarithmic: bool) -> Option<Self> {
        let (mut x, mut y) = ((f64::INFINITY, f64::NEG_INFINITY), (f64::INFINITY, f64::NEG_INFINITY));
        for (at, value) in points {
            x = (x.0.min(*at), x.1.max(*at));
            y = (y.0.min(*value), y.1.max(*value));
        }
        // A single moment is no curve.
        if !(x.0 < x.1 && y.1.is_finite()) {
            return None;
        }
        let (y_min, y_max) = if logarithmic {
            (10_f64.powf(y.0.max(0.001).log10().floor()), 10_f64.powf(y.1.max(0.01).log10().ceil()))
        } else {
            (0.0, if y.1 > 0.0 { y.1 * 1.05 } else { 1.0 })
        };
        Some(Self { x_min: x.0, x_max: x.1, y_min, y_max: y_max.max(y_min * 10.0), logarithmic })
    }

    fn x(&self, x: f64) -> f64 {
        LEFT + (x - self.x_min) / (self.x_max - self.x_min) * (WIDTH - LEFT - RIGHT)
    }

    fn y(&self, y: f64) -> f64 {
        let share = if self.logarithmic {
            (y.max(self.y_min) / self.y_min).log10() / (self.y_max / self.y_min).log10()
        } else {
            (y - self.y_min) / (self.y_max - self.y_min)
        };
        HEIGHT - BOTTOM - share * (HEIGHT - BOTTOM - TOP)
    }

    fn y_ticks(&self) -> Vec<f64> {
        if !self.logarithmic {
            return steps(self.y_min, self.y_max, 5);
        }
        let decades = (self.y_max / self.y_min).log10().round() as i32;
        (0..=decades).map(|decade| self.y_min * 10_f64.powi(decade)).collect()
    }
}

/// Round numbers from `least` to `most`, some `many` of them.
fn steps(least: f64, most: f64, many: u32) -> Vec<f64> {
    let rough = (most - least) / f64::from(many);
    let power = 10_f64.powf(rough.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0].into_iter().map(|round| round * power).find(|step| *step >= rough);
    let step = step.unwrap_or(rough);
    let first = (least / step).ceil() as i64;
    let last = (most / step).floor() as i64;
    (first..=last).map(|number| number as f64 * step).collect()
}

/// A number in few characters.
pub(super) fn short(number: f64) -> String {
    let text = match number.abs() {
        size if size >= 1e6 => return format!("{}M", short(number / 1e6)),
        size if size >= 1e4 => return format!("{}k", short(number / 1e3)),
        size if size >= 100.0 => format!("{number:.0}"),
        size if size >= 1.0 => format!("{number:.2}"),
        _ => format!("{number:.4}"),
    };
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

/// Text that HTML takes for nothing else.
pub(super) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short_and_steps_are_round() {
        let shown = [0.0, 0.125, 1.5, 20.0, 1234.0, 12_345.0, 2_500_000.0].map(short);
        assert_eq!(shown, ["0", "0.125", "1.5", "20", "1234", "12.35k", "2.5M"]);
        assert_eq!(steps(0.0, 10.0, 5), [0.0, 2.0, 4.0, 6.0, 8.0, 10.0]);
    }

    #[test]
    fn nothing_to_draw_draws_nothing_and_a_name_is_no_markup() {
        let mut chart = Chart {
            x_name: "s",
            y_name: "ms",
            x_ticks: vec![],
            logarithmic: true,
            curves: vec![("<b>".into(), vec![])],
        };
        assert_eq!(chart.draw(), "");
        chart.curves[0].1 = vec![(0.0, 5.0)];
        assert_eq!(chart.draw(), "");
        chart.curves[0].1 = vec![(0.0, 0.0), (1.0, 5.0)];
        let drawn = chart.draw();
        assert!(drawn.contains("&lt;b&gt;") && !drawn.contains("<b>") && !drawn.contains("NaN"), "{drawn}");
    }
}
