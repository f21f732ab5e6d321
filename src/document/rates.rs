use super::part;
use crate::model::Rates;

part! {
    Rates {
        open_rate: "open_rate" default(0.0);
        click_rate: "click_rate" default(0.0);
        bounce_rate: "bounce_rate" default(0.0);
        reply_rate: "reply_rate" default(0.0);
    }
}
