//! A report on a campaign from the store: a funnel table in the terminal, and plots in an SVG file.
//!
//! Run it with `cargo run --example metrics_report [PATH]`: it simulates a campaign in memory, always the
//! same one, and writes the plots to `PATH` (default: `target/metrics_report.svg`), which any browser opens.
//! With `MONGODB_URI` set it does the same on that server, in the database `MONGODB_DB` (default:
//! `campaign_store_report`), which it empties at the start and leaves in place.

mod chart;
mod funnel;
mod report;
mod simulation;
#[path = "../support/mod.rs"]
mod support;
mod svg;

use std::path::{Path, PathBuf};

use campaign_store::{Campaign, MetricsFilter, Repositories, SeriesPoint, SeriesStep, Signal};
use chrono::{DateTime, TimeDelta, Utc};

use funnel::Funnel;
use report::Report;
use support::Result;

#[tokio::main]
async fn main() -> Result {
    let start: DateTime<Utc> = "2026-03-16T08:00:00Z".parse()?;
    let store = support::open("campaign_store_report", start + TimeDelta::hours(72)).await?;
    let (campaign, mailbox) = support::new_campaign(&store, start).await?;
    let events = simulation::run(&store, &campaign, &mailbox, 400).await?;
    println!("Simulated: {events} events of 400 e-mails");

    let report = read(&store, &campaign).await?;
    println!(
        "\n{} since {}\n{}",
        report.campaign,
        report.start.format("%-d %B %Y, %H:%M UTC"),
        report.funnel
    );
    let path = std::env::args_os().nth(1).map_or_else(|| "target/metrics_report.svg".into(), PathBuf::from);
    write(&path, &report.to_svg())?;
    println!("Plots: {}", path.display());
    Ok(())
}

/// The content of the report, for the first 48 hours.
async fn read(store: &Repositories, campaign: &Campaign) -> Result<Report> {
    let metrics = store.campaign_metrics.get(campaign.id).await?.ok_or("the metrics are gone")?;
    let period = campaign.start_time..campaign.start_time + TimeDelta::hours(48);
    let series = async |state| {
        let filter = MetricsFilter::campaigns([campaign.id]);
        let points = store.campaign_metrics.series(&filter, state, SeriesStep::Hour, period.clone()).await?;
        Ok::<_, campaign_store::Error>(by_hour(&points, period.start))
    };
    Ok(Report {
        campaign: campaign.campaign_name.clone(),
        start: period.start,
        funnel: Funnel::of(&metrics.totals),
        opens: series(Signal::Opened).await?,
        clicks: series(Signal::Clicked).await?,
    })
}

/// The counts of 48 hours; a series leaves out hours without events.
fn by_hour(points: &[SeriesPoint], start: DateTime<Utc>) -> Vec<u64> {
    let count = |hour| {
        let point = points.iter().find(|point| point.start == start + TimeDelta::hours(hour));
        point.map_or(0, |point| point.count)
    };
    (0..48).map(count).collect()
}

fn write(path: &Path, text: &str) -> Result {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    Ok(std::fs::write(path, text)?)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use campaign_store::{ManualClock, MemoryStore};

    use super::*;

    async fn example() -> Report {
        let start: DateTime<Utc> = "2026-03-16T08:00:00Z".parse().unwrap();
        let clock = Arc::new(ManualClock::new(start + TimeDelta::hours(72)));
        let store = MemoryStore::with_clock(clock).system();
        let (campaign, mailbox) = support::new_campaign(&store, start).await.unwrap();
        simulation::run(&store, &campaign, &mailbox, 400).await.unwrap();
        read(&store, &campaign).await.unwrap()
    }

    #[tokio::test]
    async fn the_report_is_always_the_same_and_its_series_add_up() {
        let report = example().await;
        assert_eq!(report.to_svg(), example().await.to_svg());
        let count = |name| report.funnel.count(name).unwrap();
        assert_eq!(count("sent"), 400);
        assert_eq!(report.opens.iter().sum::<u64>(), count("opened"));
        assert_eq!(report.clicks.iter().sum::<u64>(), count("clicked"));
    }

    #[tokio::test]
    async fn a_name_cannot_add_markup() {
        let report = Report { campaign: "<script>&\"".to_owned(), ..example().await };
        let svg = report.to_svg();
        assert!(svg.contains("&lt;script&gt;&amp;&quot;") && !svg.contains("<script"));
    }
}
