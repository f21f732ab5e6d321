//! The page of plots.

use chrono::{DateTime, Utc};

use crate::chart;
use crate::funnel::{Funnel, Stage};
use crate::svg::Drawing;

/// The content of the report.
#[derive(Debug)]
pub(crate) struct Report {
    pub(crate) campaign: String,
    pub(crate) start: DateTime<Utc>,
    pub(crate) funnel: Funnel,
    /// E-mails opened for the first time, per hour since the start.
    pub(crate) opens: Vec<u64>,
    /// E-mails clicked for the first time, per hour since the start.
    pub(crate) clicks: Vec<u64>,
}

/// Light, or dark if the reader prefers it.
const STYLE: &str = "
svg { font-family: system-ui, 'Segoe UI', 'DejaVu Sans', sans-serif; }
.page { fill: #ffffff; } .card { fill: #f4f6f8; }
text { fill: #1d2733; font-size: 13px; }
.title { font-size: 26px; font-weight: 600; } .head { font-size: 16px; font-weight: 600; }
.big { font-size: 28px; font-weight: 600; } .soft, .tick, .axis { fill: #5b6875; font-size: 12px; }
.inside { fill: #ffffff; } .middle { text-anchor: middle; } .end { text-anchor: end; }
.grid { stroke: #dde3e9; } .base { stroke: #8b97a3; }
.step { fill: #2f6fb0; } .click { fill: #f2a33a; } .loss { fill: #b5524a; }
@media (prefers-color-scheme: dark) {
  .page { fill: #14191f; } .card { fill: #1e252d; } text { fill: #e6ebf0; }
  .soft, .tick, .axis { fill: #9aa7b4; } .inside { fill: #0e1318; }
  .grid { stroke: #2c3640; } .base { stroke: #6b7885; }
  .step { fill: #6ea8e0; } .click { fill: #f5b75c; } .loss { fill: #dd8078; }
}
";

impl Report {
    pub(crate) fn to_svg(&self) -> String {
        let title = format!("Performance of the campaign {}", self.campaign);
        let mut drawing = Drawing::new(960, 860, &title, STYLE);
        drawing.rect("page", [0.0, 0.0, 960.0, 860.0], 0.0);
        drawing.text("title", 40.0, 52.0, &self.campaign);
        let since = self.start.format("%-d %B %Y, %H:%M UTC");
        drawing.text("soft", 40.0, 76.0, format_args!("The first 48 hours from {since}"));
        self.tiles(&mut drawing);
        drawing.text("head", 40.0, 238.0, "How many e-mails reached each stage");
        chart::funnel(&mut drawing, &self.funnel, [140.0, 256.0, 780.0, 228.0]);
        drawing.text("head", 40.0, 572.0, "When e-mails were first opened and clicked");
        legend(&mut drawing, 920.0, 572.0);
        chart::hours(&mut drawing, self.start, [&self.opens, &self.clicks], [74.0, 610.0, 846.0, 180.0]);
        drawing.finish()
    }

    /// The rates, each with its 95 % confidence interval.
    fn tiles(&self, drawing: &mut Drawing) {
        let [_, _, opened, clicked, replied] = &self.funnel.steps;
        let [bounced, _] = &self.funnel.losses;
        let mut left = 40.0;
        for (name, Stage { rate, .. }) in [
            ("Open rate", opened),
            ("Click rate", clicked),
            ("Reply rate", replied),
            ("Bounce rate", bounced),
        ] {
            let Some((base, rate)) = rate else { continue };
            let (low, high) = rate.wilson_95();
            drawing.rect("card", [left, 98.0, 208.0, 104.0], 8.0);
            drawing.text("label", left + 16.0, 122.0, format_args!("{name}, of {base}"));
            drawing.text("big", left + 16.0, 156.0, format_args!("{:.1} %", rate.percent()));
            drawing.text("soft", left + 16.0, 184.0, format_args!("95 %: {low:.1} to {high:.1} %"));
            left += 224.0;
        }
    }
}

/// A legend that ends at `right`.
fn legend(drawing: &mut Drawing, right: f64, y: f64) {
    drawing.rect("step", [right - 150.0, y - 10.0, 11.0, 11.0], 2.0);
    drawing.text("soft", right - 133.0, y, "opened");
    drawing.rect("click", [right - 65.0, y - 10.0, 11.0, 11.0], 2.0);
    drawing.text("soft", right - 48.0, y, "clicked");
}
