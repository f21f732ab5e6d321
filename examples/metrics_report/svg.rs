//! Text of an SVG drawing.

use std::fmt::Display;

/// A drawing; the style sheet selects its elements by class.
#[derive(Debug)]
pub(crate) struct Drawing(String);

impl Drawing {
    /// An empty drawing with a title for screen readers.
    pub(crate) fn new(width: u32, height: u32, title: &str, style: &str) -> Self {
        let title = escaped(title);
        Self(format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" role=\"img\" viewBox=\"0 0 {width} {height}\" \
             width=\"{width}\" height=\"{height}\">\n<title>{title}</title>\n<style>{style}</style>\n"
        ))
    }

    pub(crate) fn rect(&mut self, class: &str, [x, y, width, height]: [f64; 4], radius: f64) {
        self.add(format_args!(
            "<rect class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\" \
             rx=\"{radius}\"/>"
        ));
    }

    /// A bar with a tooltip.
    pub(crate) fn bar(&mut self, class: &str, [x, y, width, height]: [f64; 4], hint: &str) {
        let hint = escaped(hint);
        self.add(format_args!(
            "<rect class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\" \
             rx=\"2\"><title>{hint}</title></rect>"
        ));
    }

    pub(crate) fn line(&mut self, class: &str, [x1, y1, x2, y2]: [f64; 4]) {
        self.add(format_args!(
            "<line class=\"{class}\" x1=\"{x1:.1}\" y1=\"{y1:.1}\" x2=\"{x2:.1}\" y2=\"{y2:.1}\"/>"
        ));
    }

    pub(crate) fn text(&mut self, class: &str, x: f64, y: f64, text: impl Display) {
        let text = escaped(&text.to_string());
        self.add(format_args!("<text class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\">{text}</text>"));
    }

    pub(crate) fn finish(mut self) -> String {
        self.0.push_str("</svg>\n");
        self.0
    }

    fn add(&mut self, element: impl Display) {
        self.0.push_str(&element.to_string());
        self.0.push('\n');
    }
}

fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            c => escaped.push(c),
        }
    }
    escaped
}
