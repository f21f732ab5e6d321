//! The two plots.

use chrono::{DateTime, TimeDelta, Utc};

use crate::funnel::{Funnel, Stage};
use crate::svg::Drawing;

/// The position of a number of e-mails on an axis.
#[expect(clippy::cast_precision_loss, reason = "places of a drawing")]
fn float(count: u64) -> f64 {
    count as f64
}

/// The ticks of an axis from 0 to at least `max`, at most seven of them: 0, 5, 10 and the like.
fn ticks(max: u64) -> Vec<u64> {
    let max = max.max(1);
    let mut steps = (0..18).flat_map(|n| [1, 2, 5].map(|step| step * 10_u64.pow(n)));
    let step = steps.find(|step| max.div_ceil(*step) <= 6).unwrap_or(max);
    (0..=max.div_ceil(step)).map(|n| n * step).collect()
}

/// Horizontal bars in the box `[x, y, width, height]`.
pub(crate) fn funnel(drawing: &mut Drawing, funnel: &Funnel, [x, y, width, height]: [f64; 4]) {
    const ROW: f64 = 30.0;
    let marks = ticks(funnel.stages().map(|stage| stage.count).max().unwrap_or_default());
    let max = float(marks.last().copied().unwrap_or(1));
    for mark in &marks {
        let at = x + float(*mark) / max * width;
        drawing.line("grid", [at, y, at, y + height]);
        drawing.text("tick middle", at, y + height + 18.0, mark);
    }
    drawing.text("axis middle", x + width / 2.0, y + height + 38.0, "e-mails");
    let rows = funnel.steps.iter().map(|stage| ("step", stage));
    let rows = rows.chain(funnel.losses.iter().map(|stage| ("loss", stage)));
    let mut top = y + 6.0;
    for (n, (class, Stage { name, count, rate })) in rows.enumerate() {
        if n == funnel.steps.len() {
            top += 10.0;
        }
        let length = float(*count) / max * width;
        let share = rate.map(|(base, rate)| format!(" · {:.1} % of {base}", rate.percent()));
        let value = format!("{count}{}", share.unwrap_or_default());
        drawing.bar(class, [x, top, length, ROW - 9.0], &format!("{name}: {value}"));
        drawing.text("label end", x - 12.0, top + 15.0, name);
        // Long bars have their number inside.
        let (style, at) = if length > width * 0.75 { ("inside end", -10.0) } else { ("value", 10.0) };
        drawing.text(style, x + length + at, top + 15.0, value);
        top += ROW;
    }
    drawing.line("base", [x, y, x, y + height]);
}

/// Hourly columns in the box `[x, y, width, height]`, with the clicks in front of the opens.
pub(crate) fn hours(
    drawing: &mut Drawing,
    start: DateTime<Utc>,
    [opens, clicks]: [&[u64]; 2],
    [x, y, width, height]: [f64; 4],
) {
    let marks = ticks(opens.iter().chain(clicks).copied().max().unwrap_or_default());
    let max = float(marks.last().copied().unwrap_or(1));
    for mark in &marks {
        let at = y + height - float(*mark) / max * height;
        drawing.line("grid", [x, at, x + width, at]);
        drawing.text("tick end", x - 8.0, at + 4.0, mark);
    }
    let slot = width / float(opens.len().max(1) as u64);
    let mut left = x;
    let mut hour = start;
    for (opens, clicks) in opens.iter().zip(clicks) {
        if hour == start || hour.timestamp().rem_euclid(6 * 3_600) == 0 {
            drawing.line("base", [left, y + height, left, y + height + 5.0]);
            drawing.text("tick middle", left, y + height + 18.0, hour.format("%H:%M"));
            if hour == start || hour.timestamp().rem_euclid(24 * 3_600) == 0 {
                drawing.text("tick middle", left, y + height + 33.0, hour.format("%-d %b"));
            }
        }
        let of_hour = hour.format("%-d %b %H:%M");
        for (class, name, count, inset) in
            [("step", "opened", opens, 0.12), ("click", "clicked", clicks, 0.3)]
        {
            let tall = float(*count) / max * height;
            let area = [left + slot * inset, y + height - tall, slot * (1.0 - 2.0 * inset), tall];
            if *count > 0 {
                drawing.bar(class, area, &format!("{of_hour}: {count} {name} for the first time"));
            }
        }
        left += slot;
        hour += TimeDelta::hours(1);
    }
    drawing.line("base", [x, y + height, x + width, y + height]);
    drawing.text("axis middle", x + width / 2.0, y + height + 52.0, "hour (UTC)");
    drawing.text("axis", x - 34.0, y - 14.0, "e-mails per hour");
}

#[cfg(test)]
mod tests {
    use super::ticks;

    #[test]
    fn marks_are_round_and_reach_the_largest() {
        assert_eq!(ticks(0), [0, 1]);
        assert_eq!(ticks(6), [0, 1, 2, 3, 4, 5, 6]);
        assert_eq!(ticks(400), [0, 100, 200, 300, 400]);
        assert_eq!(ticks(31), [0, 10, 20, 30, 40]);
    }
}
